package cli

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"gridpatrol/inspection"
)

// TestAreasThatAreNotThere: an account is granted areas that are there, or
// that lie above one, whichever way it is asked for.
func TestAreasThatAreNotThere(t *testing.T) {
	s := startStepped(t)
	s.username = "admin"
	s.signIn()
	const unknown = "There is no area 610102099 here. Import the areas first."
	refused := func(what string, status int, a answer) {
		t.Helper()
		if status != http.StatusBadRequest || a["code"] != string(inspection.CodeBadRequest) || a["detail"] != unknown {
			t.Errorf("%s: %d %v", what, status, a)
		}
	}
	user := func(name, area string) answer {
		return answer{"username": name, "name": "王芳", "password": "a long enough password", "role": "inspector", "areas": []string{area}}
	}
	status, a := s.call(http.MethodPost, "/v1/users", user("nowhere", "610102099"))
	refused("added over HTTP", status, a)
	status, a = s.call(http.MethodPost, "/v1/users", user("wang.fang", "610102003"))
	if status != http.StatusCreated {
		t.Fatalf("%d %v", status, a)
	}
	id, _ := a["id"].(string)
	status, a = s.call(http.MethodPatch, "/v1/users/"+id, answer{"areas": []string{"610102003", "610102099"}})
	refused("changed over HTTP", status, a)
	if status, a = s.call(http.MethodPatch, "/v1/users/"+id, answer{"areas": []string{"610102"}}); status != http.StatusOK {
		t.Errorf("an area above others: %d %v", status, a)
	}

	var told strings.Builder
	for _, args := range [][]string{
		{"user", "add", "nowhere", "--name", "王芳", "--role", "inspector", "--area", "610102099"},
		{"user", "grant", "wang.fang", "--area", "610102099"},
	} {
		told.Reset()
		ended := Run(t.Context(), Process{
			Args: append(args, "--data", s.data), Now: s.now, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &told,
		})
		if ended == exitOK || !strings.Contains(told.String(), unknown) {
			t.Errorf("%v: %d %s", args, ended, told.String())
		}
	}
}
