package template

import (
	"encoding/json"
	"fmt"
	"slices"

	"gridpatrol/inspection"
)

// text is a phrase in both languages.
type text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

func (t text) complete() bool { return t.ZH != "" && t.EN != "" }

type choice struct {
	Name  string `json:"name"`
	Label text   `json:"label"`
}

// fieldType is the type of an answer.
type fieldType string

const (
	typeText           fieldType = "text"
	typeInteger        fieldType = "integer"
	typeDecimal        fieldType = "decimal"
	typeDate           fieldType = "date"
	typeDatetime       fieldType = "datetime"
	typeBoolean        fieldType = "boolean"
	typeSelectOne      fieldType = "select_one"
	typeSelectMultiple fieldType = "select_multiple"
	typeNumbers        fieldType = "numbers"
	typePhoto          fieldType = "photo"
	typeRepeat         fieldType = "repeat"
)

var fieldTypes = []fieldType{
	typeText, typeInteger, typeDecimal, typeDate, typeDatetime, typeBoolean,
	typeSelectOne, typeSelectMultiple, typeNumbers, typePhoto, typeRepeat,
}

func (t fieldType) list() bool {
	return t == typeSelectMultiple || t == typeNumbers || t == typeRepeat
}

func (t fieldType) selects() bool { return t == typeSelectOne || t == typeSelectMultiple }

type fieldDef struct {
	Type       fieldType `json:"type"`
	Name       string    `json:"name"`
	Label      text      `json:"label"`
	Hint       *text     `json:"hint"`
	Required   bool      `json:"required"`
	Relevant   string    `json:"relevant"`
	Constraint string    `json:"constraint"`
	// ConstraintMessage is what the person reads when the constraint is false.
	ConstraintMessage *text       `json:"constraint_message"`
	Choices           []choice    `json:"choices"`
	Min               json.Number `json:"min"`
	Max               json.Number `json:"max"`
	MinCount          int         `json:"min_count"`
	Appearance        string      `json:"appearance"`
	// Unit is shown beside the field; nothing is computed from it.
	Unit string `json:"unit"`
	// Patterns names the pattern rows of the limits that the text must match;
	// PatternBy is the select_one whose answer picks among them.
	Patterns  string     `json:"patterns"`
	PatternBy string     `json:"pattern_by"`
	Repeat    []fieldDef `json:"repeat"`
}

type calculationDef struct {
	Name  string `json:"name"`
	Label text   `json:"label"`
	// Choices are the values that the calculation may have where a limit's
	// name is made from it.
	Choices     []string `json:"choices"`
	Calculation string   `json:"calculation"`
}

type basisCase struct {
	When  string `json:"when"`
	Basis string `json:"basis"`
}

type unitCase struct {
	When string `json:"when"`
	Unit string `json:"unit"`
}

type ruleDef struct {
	Name  string `json:"name"`
	Label text   `json:"label"`
	Level string `json:"level"` // fail (the default) or warn
	// Basis is the law or standard; of BasisCases the first that holds takes
	// its place.
	Basis      string      `json:"basis"`
	BasisCases []basisCase `json:"basis_cases"`
	// When tells whether the rule applies. During names a limit: the rule
	// applies only while an enabled row of it is in force.
	When   string `json:"when"`
	During string `json:"during"`
	// Date is the date field by which limits are looked up instead of the
	// check's date.
	Date string `json:"date"`
	// Needs are fields without which the rule never passes, and without
	// which nothing is compared with a limit.
	Needs      []string `json:"needs"`
	PendingLab string   `json:"pending_lab"`
	// Either Observe is compared with Limit, whose name may end with the
	// value of a variable, as in voc_{product_class}; UnitField is then the
	// answer that gives the unit of the observed value. Or Check must hold,
	// and Fail says what is wrong when it does not.
	Observe   string `json:"observe"`
	Limit     string `json:"limit"`
	UnitField string `json:"unit_field"`
	Check     string `json:"check"`
	Fail      *text  `json:"fail"`
}

type leadUnitDef struct {
	Default string     `json:"default"`
	Cases   []unitCase `json:"cases"`
}

type definition struct {
	Name         string           `json:"name"`
	Version      int              `json:"version"`
	Title        text             `json:"title"`
	InstanceName string           `json:"instance_name"`
	Source       string           `json:"source"`
	Flag         string           `json:"flag"`
	Fields       []fieldDef       `json:"fields"`
	Calculations []calculationDef `json:"calculations"`
	Rules        []ruleDef        `json:"rules"`
	LeadUnit     leadUnitDef      `json:"lead_unit"`
	// TaskDue names the limit that says how many days or hours a task has that
	// is made from a record of this kind.
	TaskDue string `json:"task_due"`
}

// errorf is an error in a definition, told to the administrator who wrote it.
func errorf(format string, args ...any) error {
	return inspection.Errorf(inspection.CodeBadDocument, "%s.", "Template: "+fmt.Sprintf(format, args...))
}

func (f *fieldDef) hasChoice(name string) bool {
	return slices.ContainsFunc(f.Choices, func(c choice) bool { return c.Name == name })
}
