package inspection

import "testing"

func TestPermissions(t *testing.T) {
	// From which role on an action is allowed.
	table := map[Action]int{}
	roles := []Role{RoleInspector, RoleSupervisor, RoleAdmin}
	for least, actions := range [][]Action{
		{ActionMe, ActionPush, ActionPull, ActionStream, ActionMedia, ActionRead},
		{ActionReadDevices, ActionReview, ActionTasks, ActionReports},
		{ActionUsers, ActionReference, ActionQuarantine},
	} {
		for _, a := range actions {
			table[a] = least
		}
	}
	if len(table) != len(Actions) {
		t.Fatalf("the table has %d actions, the code %d", len(table), len(Actions))
	}
	for _, a := range Actions {
		least, listed := table[a]
		for i, r := range roles {
			want := listed && i >= least
			if got := r.May(a); got != want {
				t.Errorf("%s, %s: %v", r, a, got)
			}
			if code := CodeOf(r.Require(a)); (code == "") != want || code != "" && code != CodeForbidden {
				t.Errorf("%s, %s: %q", r, a, code)
			}
		}
		for _, r := range []Role{"", "root", "Admin"} {
			if r.May(a) || r.Valid() {
				t.Errorf("the role %q may %s", r, a)
			}
		}
	}
	if RoleInspector.May("") || RoleAdmin.May("anything") {
		t.Error("an unknown action is allowed")
	}
	own := RoleAdmin.Permissions()
	own[0] = "changed"
	if !RoleAdmin.May(ActionMe) {
		t.Error("the table can be changed from outside")
	}
}
