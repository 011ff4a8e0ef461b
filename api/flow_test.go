package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"gridpatrol/api"
	"gridpatrol/auth"
	"gridpatrol/inspection"
)

type pageJSON struct {
	Changes []struct {
		Collection inspection.Collection
		ID         string
		Deleted    bool
		Doc        map[string]any
	}
	Checkpoint string
	More       bool
	Areas      []inspection.Area
	Revoked    []inspection.Area
}

type resultsJSON struct {
	Results []struct {
		N        int64
		Status   string
		Replayed bool
		Code     *string
		Doc      map[string]any
	}
}

func TestSignInPushPullOut(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	if p.signIn.TokenType != "Bearer" || p.signIn.ExpiresIn != 900 || p.signIn.NextN != 1 || p.signIn.User.Username != "inspector" {
		t.Errorf("sign-in: %+v", p.signIn)
	}
	var me api.MeJSON
	p.get("/v1/me").ok(200).decode(&me)
	if string(me.Device.ID) != p.device || me.Device.Name != "红米" || me.Device.Platform != "android" || !slices.Contains(me.Permissions, inspection.ActionPush) || me.User.Areas[0] != ownArea {
		t.Errorf("me: %+v", me)
	}
	var pushed resultsJSON
	m := p.mutation(ownArea, "冒烟")
	p.push(m, p.mutation(otherArea, "x")).ok(200).decode(&pushed)
	if pushed.Results[0].Status != "applied" || pushed.Results[1].Status != "rejected" || pushed.Results[1].Doc != nil {
		t.Errorf("push: %+v", pushed)
	}
	p.push(m).ok(200).decode(&pushed)
	if !pushed.Results[0].Replayed {
		t.Errorf("replay: %+v", pushed)
	}
	var page pageJSON
	p.get("/v1/sync/pull").ok(200).decode(&page)
	if len(page.Changes) != w.reference+1 || page.More || page.Changes[w.reference].Doc["answers"].(map[string]any)["note"] != "冒烟" {
		t.Errorf("pull: %+v", page)
	}
	var again pageJSON
	p.get("/v1/sync/pull?checkpoint=" + page.Checkpoint).ok(200).decode(&again)
	if len(again.Changes) != 0 || again.More {
		t.Errorf("second pull: %+v", again)
	}
	var next api.SignInJSON
	w.post("/v1/auth/refresh", `{"refresh_token":"`+p.signIn.RefreshToken+`"}`).ok(200).decode(&next)
	if next.NextN != 3 || next.RefreshToken == p.signIn.RefreshToken {
		t.Errorf("refresh: %+v", next)
	}
	a := w.request("POST", "/v1/auth/logout", nil, "Authorization: bearer "+next.AccessToken).ok(204)
	if len(a.body) != 0 || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("logout: %v %q", a.header, a.body)
	}
	p.get("/v1/me").problem(401, inspection.CodeUnauthenticated)
}

func TestLogoutIgnoresItsBody(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	w.post("/v1/auth/logout", `{"whatever":1}`, p.bearer()).ok(204)
}

func TestDevices(t *testing.T) {
	w := newHost(t)
	p, other, boss := w.login("inspector"), w.login("other"), w.login("supervisor")
	list := func() map[string]map[string]any {
		var got struct{ Devices []map[string]any }
		boss.get("/v1/devices").ok(200).decode(&got)
		byID := map[string]map[string]any{}
		for _, d := range got.Devices {
			byID[d["id"].(string)] = d
		}
		return byID
	}
	devices := list()
	d := devices[p.device]
	if d == nil || devices[other.device] != nil {
		t.Fatalf("devices: %v", devices)
	}
	if d["empty"] != false || d["backlog"] != nil || d["clock_offset_s"] != nil || d["app_version"] != "1.2" || d["name"] != "红米" {
		t.Errorf("before a push: %v", d)
	}
	w.post("/v1/sync/push", `{"backlog":{"mutations":1,"photos":0,"photo_bytes":0},"mutations":[]}`, p.bearer()).ok(200)
	if d = list()[p.device]; d["empty"] != false || d["backlog"] == nil {
		t.Errorf("with a backlog: %v", d)
	}
	p.push().ok(200)
	if d = list()[p.device]; d["empty"] != true || d["clock_offset_s"] == nil {
		t.Errorf("with an empty backlog: %v", d)
	}
}

func TestRevokedAreaIsNamedUntilConfirmed(t *testing.T) {
	w := newHost(t)
	p := w.login("inspector")
	w.patch("inspector", auth.UserPatch{Areas: &[]inspection.Area{"610102004"}})
	w.Advance(auth.CacheTTL)
	var page pageJSON
	p.get("/v1/sync/pull").ok(200).decode(&page)
	if !slices.Equal(page.Revoked, []inspection.Area{ownArea}) {
		t.Fatalf("revoked: %v", page.Revoked)
	}
	p.get("/v1/sync/pull?confirm_revoked=" + string(ownArea)).ok(200).decode(&page)
	if len(page.Revoked) != 0 {
		t.Errorf("confirmed, but revoked is %v", page.Revoked)
	}
}

func TestThrottledLoginSaysWhen(t *testing.T) {
	w := newHost(t)
	for range 1000 {
		a := w.post("/v1/auth/login", loginBody("admin", "wrong password", uuid.NewString()))
		if a.status == http.StatusTooManyRequests {
			a.problem(429, inspection.CodeThrottled)
			if s := a.header.Get("Retry-After"); s == "" || strings.Trim(s, "0123456789") != "" || s == "0" {
				t.Errorf("Retry-After %q", s)
			}
			return
		}
		a.problem(401, inspection.CodeBadCredentials)
	}
	t.Error("a thousand wrong passwords were not throttled")
}

func TestUnknownNameLooksLikeWrongPassword(t *testing.T) {
	w := newHost(t)
	a := w.post("/v1/auth/login", loginBody("nobody", "wrong password", uuid.NewString()))
	b := w.post("/v1/auth/login", loginBody("admin", "wrong password", uuid.NewString()))
	a.problem(401, inspection.CodeBadCredentials)
	if string(a.body) != string(b.body) {
		t.Errorf("%s\n%s", a.body, b.body)
	}
}
