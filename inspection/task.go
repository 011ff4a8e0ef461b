package inspection

// TaskState is how far a task is on its way 交办 → 整改 → 复核 → 销号.
type TaskState string

// The states of a task: docs/contract.md, section 6.
const (
	TaskNone      TaskState = "" // there is no such task yet
	TaskAssigned  TaskState = "assigned"
	TaskRectified TaskState = "rectified"
	TaskVerified  TaskState = "verified"
	TaskClosed    TaskState = "closed" // locks the task
)

// TaskEvent is what moves a task on.
type TaskEvent string

// The events. Rectifying is a phone's push of the rectification as much as a
// supervisor's act.
const (
	TaskCreate  TaskEvent = "create"
	TaskAssign  TaskEvent = "assign"
	TaskRectify TaskEvent = "rectify"
	TaskVerify  TaskEvent = "verify"
	TaskReopen  TaskEvent = "reopen"
	TaskClose   TaskEvent = "close"
)

// tasks is the one table of tasks: what each event makes of each state that
// it may meet. A rectification that changes after it was verified has to be
// verified again.
var tasks = map[TaskEvent]map[TaskState]TaskState{
	TaskCreate:  {TaskNone: TaskAssigned},
	TaskAssign:  {TaskAssigned: TaskAssigned},
	TaskRectify: {TaskAssigned: TaskRectified, TaskRectified: TaskRectified, TaskVerified: TaskRectified},
	TaskVerify:  {TaskRectified: TaskVerified},
	TaskReopen:  {TaskRectified: TaskAssigned, TaskVerified: TaskAssigned, TaskClosed: TaskAssigned},
	TaskClose:   {TaskVerified: TaskClosed},
}

// After returns the state after the event; ok is false if the event has no
// place in this state, which then stays.
func (s TaskState) After(e TaskEvent) (next TaskState, ok bool) {
	next, ok = tasks[e][s]
	if !ok {
		return s, false
	}
	return next, true
}

// Locked reports whether no edit goes into the document any more until a
// supervisor reopens it: what phones still send becomes a conflict.
func Locked(c Collection, server *Server) bool {
	switch c {
	case Inspections:
		return server.ReviewState() == ReviewApproved
	case Tasks:
		return server.State == TaskClosed
	default:
		return false
	}
}
