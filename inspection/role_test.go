package inspection

import "testing"

func TestPermissions(t *testing.T) {
	// One column for each role: inspector, supervisor, admin.
	table := map[Action][3]bool{
		ActionMe:          {true, true, true},
		ActionPush:        {true, true, true},
		ActionPull:        {true, true, true},
		ActionStream:      {true, true, true},
		ActionMedia:       {true, true, true},
		ActionRead:        {true, true, true},
		ActionReadDevices: {false, true, true},
		ActionReview:      {false, true, true},
		ActionTasks:       {false, true, true},
		ActionReports:     {false, true, true},
		ActionUsers:       {false, false, true},
		ActionReference:   {false, false, true},
		ActionQuarantine:  {false, false, true},
	}
	if len(table) != len(Actions) {
		t.Fatalf("the table has %d actions, the code %d", len(table), len(Actions))
	}
	for _, a := range Actions {
		for i, r := range []Role{RoleInspector, RoleSupervisor, RoleAdmin} {
			if got := r.May(a); got != table[a][i] {
				t.Errorf("%s, %s: %v", r, a, got)
			}
			if code := CodeOf(r.Require(a)); (code == "") != table[a][i] || code != "" && code != CodeForbidden {
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
