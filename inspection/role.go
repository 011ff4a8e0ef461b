package inspection

import "slices"

// Role is what kind of work a user does.
type Role string

// The roles. Each may do what the one before it may.
const (
	RoleInspector  Role = "inspector"
	RoleSupervisor Role = "supervisor"
	RoleAdmin      Role = "admin"
)

// Action is something that a role may or may not do. Where it may be done is
// another question: that is for the user's grants. See Principal for both.
type Action string

// The actions.
const (
	ActionMe          Action = "me"
	ActionPush        Action = "push"
	ActionPull        Action = "pull"
	ActionStream      Action = "stream"
	ActionMedia       Action = "media"
	ActionRead        Action = "read" // single records, lists and histories
	ActionReadDevices Action = "read_devices"
	ActionReview      Action = "review" // decisions and settling conflicts
	ActionTasks       Action = "tasks"
	ActionReports     Action = "reports"
	ActionUsers       Action = "users"
	ActionReference   Action = "reference"
	ActionQuarantine  Action = "quarantine"
)

// Actions lists all actions.
var Actions = []Action{
	ActionMe, ActionPush, ActionPull, ActionStream, ActionMedia, ActionRead,
	ActionReadDevices, ActionReview, ActionTasks, ActionReports,
	ActionUsers, ActionReference, ActionQuarantine,
}

// permissions is the table of role × action. Source: docs/contract.md,
// section 1.
var permissions = map[Role][]Action{
	RoleInspector: {
		ActionMe, ActionPush, ActionPull, ActionStream, ActionMedia, ActionRead,
	},
	RoleSupervisor: {
		ActionMe, ActionPush, ActionPull, ActionStream, ActionMedia, ActionRead,
		ActionReadDevices, ActionReview, ActionTasks, ActionReports,
	},
	RoleAdmin: Actions,
}

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return permissions[r] != nil }

// May reports whether the role allows the action. An unknown role allows
// nothing.
func (r Role) May(a Action) bool { return slices.Contains(permissions[r], a) }

// Permissions lists what the role allows.
func (r Role) Permissions() []Action { return slices.Clone(permissions[r]) }

// Require returns a CodeForbidden error if the role doesn't allow the action.
func (r Role) Require(a Action) error {
	if r.May(a) {
		return nil
	}
	return Errorf(CodeForbidden, "The role %q does not allow this. Ask an administrator.", r)
}
