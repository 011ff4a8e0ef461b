package api_test

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"gridpatrol/api"
	"gridpatrol/auth"
	"gridpatrol/inspection"
)

// who are the columns of the matrix.
var who = []string{"inspector", "supervisor", "admin", "signed-out", "disabled"}

// matrix has a row for every route: the status that each of who gets.
var matrix = map[string][]int{
	"POST /v1/auth/login":   {200, 200, 200, 200, 401},
	"POST /v1/auth/refresh": {200, 200, 200, 401, 401},
	"POST /v1/auth/logout":  {204, 204, 204, 401, 401},
	"GET /v1/me":            {200, 200, 200, 401, 401},
	"POST /v1/sync/push":    {200, 200, 200, 401, 401},
	"GET /v1/sync/pull":     {200, 200, 200, 401, 401},
	"GET /v1/sync/stream":   {200, 200, 200, 401, 401},
	// The schemas are public like the description.
	"GET /rxdb/:collection/schema":              {200, 200, 200, 200, 200},
	"GET /rxdb/:collection/:version/pull":       {200, 200, 200, 401, 401},
	"POST /rxdb/:collection/:version/push":      {200, 200, 200, 401, 401},
	"GET /rxdb/:collection/:version/pullStream": {200, 200, 200, 401, 401},
	// Without the protocol's header, uploads get no further than that.
	"OPTIONS /v1/uploads":     {204, 204, 204, 204, 204},
	"OPTIONS /v1/uploads/:id": {204, 204, 204, 204, 204},
	"POST /v1/uploads":        {412, 412, 412, 401, 401},
	"HEAD /v1/uploads/:id":    {412, 412, 412, 401, 401},
	"PATCH /v1/uploads/:id":   {412, 412, 412, 401, 401},
	"DELETE /v1/uploads/:id":  {412, 412, 412, 401, 401},
	"POST /v1/uploads/:id":    {412, 412, 412, 401, 401},
	"POST /v1/media/missing":  {200, 200, 200, 401, 401},
	"GET /v1/media/:sha256":   {404, 404, 404, 401, 401},

	"GET /v1/devices":       {403, 200, 200, 401, 401},
	"GET /v1/reports/joint": {403, 200, 200, 401, 401},

	"POST /v1/reports/joint/close": {403, 200, 200, 401, 401},
	"GET /v1/reports/dispatch":     {403, 200, 200, 401, 401},

	"GET /v1/calendar": {200, 200, 200, 401, 401},

	"GET /v1/inspections":                   {200, 200, 200, 401, 401},
	"GET /v1/inspections/:id":               {200, 200, 200, 401, 401},
	"GET /v1/sessions/:id":                  {200, 200, 200, 401, 401},
	"GET /v1/tasks/:id":                     {200, 200, 200, 401, 401},
	"GET /v1/sites/:id":                     {200, 200, 200, 401, 401},
	"GET /v1/inspections/:id/history":       {200, 200, 200, 401, 401},
	"GET /v1/sessions/:id/history":          {200, 200, 200, 401, 401},
	"GET /v1/tasks/:id/history":             {200, 200, 200, 401, 401},
	"GET /v1/sites/:id/history":             {200, 200, 200, 401, 401},
	"POST /v1/inspections/:id/review":       {403, 200, 200, 401, 401},
	"POST /v1/inspections/:id/conflicts/:k": {403, 200, 200, 401, 401},
	"POST /v1/sessions/:id/conflicts/:k":    {403, 200, 200, 401, 401},
	"POST /v1/tasks/:id/conflicts/:k":       {403, 200, 200, 401, 401},
	"POST /v1/sites/:id/conflicts/:k":       {403, 200, 200, 401, 401},
	"GET /v1/tasks":                         {200, 200, 200, 401, 401},
	"POST /v1/tasks":                        {403, 201, 201, 401, 401},
	"POST /v1/tasks/:id/assign":             {403, 200, 200, 401, 401},
	"POST /v1/tasks/:id/rectify":            {403, 200, 200, 401, 401},
	"POST /v1/tasks/:id/verify":             {403, 200, 200, 401, 401},
	"POST /v1/tasks/:id/reopen":             {403, 200, 200, 401, 401},
	"POST /v1/tasks/:id/close":              {403, 200, 200, 401, 401},
	"GET /v1/users":                         {403, 403, 200, 401, 401},
	"POST /v1/users":                        {403, 403, 201, 401, 401},
	"PATCH /v1/users/:id":                   {403, 403, 200, 401, 401},
	"GET /v1/quarantine":                    {403, 403, 200, 401, 401},
	"POST /v1/quarantine/:id/release":       {403, 403, 200, 401, 401},
	"POST /v1/quarantine/:id/discard":       {403, 403, 200, 401, 401},
	"PUT /v1/templates/:name":               {403, 403, 200, 401, 401},
	"PUT /v1/limits/:id":                    {403, 403, 200, 401, 401},
	"PUT /v1/targets/:id":                   {403, 403, 200, 401, 401},

	"GET /healthz":      {200, 200, 200, 200, 200},
	"GET /readyz":       {200, 200, 200, 200, 200},
	"GET /metrics":      {200, 200, 200, 200, 200},
	"GET /openapi.json": {200, 200, 200, 200, 200},
}

// signedOut is a phone without a sign-in.
const signedOut = "signed-out"

func TestRolesAndRoutes(t *testing.T) {
	w := newOffice(t)
	for i := range w.server.Routes() {
		r := w.server.Routes()[i]
		name := r.Method + " " + r.Path
		row, ok := matrix[name]
		if !ok || len(row) != len(who) {
			t.Errorf("the route %s has no row in the matrix", name)
			continue
		}
		for k, person := range who {
			t.Run(name+" "+person, func(t *testing.T) { w.checkCell(t, r, person, row[k]) })
		}
	}
	if len(matrix) != len(w.server.Routes()) {
		t.Errorf("%d rows for %d routes", len(matrix), len(w.server.Routes()))
	}
}

// queries are what some routes can't do without.
var queries = map[string]string{
	"/v1/reports/joint":    "?month=2024-10",
	"/v1/reports/dispatch": "?month=2024-10&window=first_half",
}

func (w *host) checkCell(t *testing.T, r api.Route, person string, want int) {
	p := w.as(person)
	path, body := r.Path, p.bodyFor(r.Path, person)
	if strings.Contains(path, ":") || body == "{}" && r.Cap > 0 {
		path, body = w.subject(r, ownArea)
	}
	req, err := http.NewRequestWithContext(t.Context(), r.Method, w.url+path+queries[r.Path], strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if person != signedOut {
		req.Header.Set("Authorization", "Bearer "+p.signIn.AccessToken)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() // a stream has no end to read to
	if resp.StatusCode != want {
		t.Errorf("got %d, want %d", resp.StatusCode, want)
	}
}

// as signs in whoever it is; the disabled one was signed in before that.
func (w *host) as(person string) *phone {
	switch person {
	case signedOut:
		return &phone{host: w, device: uuid.NewString()}
	case "disabled":
		no, yes := false, true
		w.patch(person, auth.UserPatch{Disabled: &no})
		p := w.login(person)
		w.patch(person, auth.UserPatch{Disabled: &yes})
		return p
	}
	return w.login(person)
}

func (p *phone) bodyFor(path, person string) string {
	switch path {
	case "/v1/auth/login":
		if person == signedOut {
			person = "inspector"
		}
		return loginBody(person, password, p.device)
	case "/v1/auth/refresh":
		return fmt.Sprintf(`{"refresh_token":%q}`, p.signIn.RefreshToken)
	case "/v1/sync/push":
		return `{"mutations":[]}`
	case "/v1/reports/joint/close":
		area := map[string]inspection.Area{"admin": "610102"}[person]
		return fmt.Sprintf(`{"month":"2024-10","area":%q}`, cmp.Or(area, ownArea))
	case "/v1/media/missing":
		return `{"sha256":[]}`
	}
	return "{}"
}

// TestAreas: what each role may do in an area of its own and in another.
func TestAreas(t *testing.T) {
	w := newHost(t)
	stranger := w.login("other")
	hidden := stranger.mutation(otherArea, "hidden")
	stranger.push(hidden).ok(200)
	for _, role := range []string{"inspector", "supervisor", "admin"} {
		t.Run(role, func(t *testing.T) {
			p := w.login(role)
			var pushed resultsJSON
			steal := strings.Replace(hidden, `"n":1`, `"n":99`, 1)
			p.push(p.mutation(ownArea, role), p.mutation(otherArea, role), steal).ok(200).decode(&pushed)
			for i, want := range []string{"applied", "rejected", "rejected"} {
				r := pushed.Results[i]
				if r.Status != want || (r.Doc != nil) != (want == "applied") {
					t.Errorf("mutation %d: %+v", i, r)
				}
			}
			var page pageJSON
			p.get("/v1/sync/pull").ok(200).decode(&page)
			for _, c := range page.Changes {
				if area, _ := c.Doc["area"].(string); c.Collection.Writable() && !inspection.Area("610102").Covers(inspection.Area(area)) {
					t.Errorf("pulled a document of %s", area)
				}
			}
		})
	}
}

// TestDevicesOfOthers: no role sees phones of areas that are not its own.
func TestDevicesOfOthers(t *testing.T) {
	w := newHost(t)
	own, other := w.login("inspector"), w.login("other")
	for _, role := range []string{"supervisor", "admin"} {
		body := string(w.login(role).get("/v1/devices").ok(200).body)
		if !strings.Contains(body, own.device) || strings.Contains(body, other.device) {
			t.Errorf("%s sees %s", role, body)
		}
	}
}

func TestBearer(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	token := p.signIn.AccessToken
	for _, tc := range []struct {
		headers []string
		status  int
	}{
		{[]string{"Authorization: Bearer " + token}, 200},
		{[]string{"Authorization: bEARER  " + token}, 200},
		{[]string{"Authorization: Basic " + token}, 401},
		{[]string{"Authorization: " + token}, 401},
		{[]string{"Authorization: Bearer"}, 401},
		{[]string{"Authorization: Bearer x" + token}, 401},
		{[]string{"Authorization: Bearer " + token, "Authorization: Bearer " + token}, 401},
		{[]string{"Cookie: access_token=" + token}, 401},
	} {
		if a := w.request("GET", "/v1/me", nil, tc.headers...); a.status != tc.status {
			t.Errorf("%.40q: %d, want %d", tc.headers, a.status, tc.status)
		}
	}
	w.request("GET", "/v1/sync/stream?access_token="+token, nil).problem(401, inspection.CodeUnauthenticated)
	w.Advance(15 * 60 * 1e9)
	p.get("/v1/me").problem(401, inspection.CodeTokenExpired)
}
