package template_test

import (
	"fmt"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/template"
)

// A checklist with one number and one rule: the verdict follows from the answer
// and from the limit that is in force on the day of the check.
func ExampleTemplate_Evaluate() {
	checklist, err := template.Parse([]byte(`
name: fume
version: 1
title: {zh: 油烟, en: Restaurant fume}
fields:
  - {type: decimal, name: density, label: {zh: 浓度, en: Density}, min: 0, max: 100}
rules:
  - {name: density_limit, label: {zh: 浓度, en: Density}, basis: GB 18483-2001, observe: density, limit: fume_density}
lead_unit: {default: ecology}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	limits, err := template.NewLimitSet([]inspection.Object{
		object(`{"id":"1","name":"fume_density","value":2.0,"comparison":"<=","digits":1,"unit":"mg/m³","flag":"S","enabled":true,"effective_to":"2026-07-01"}`),
		object(`{"id":"2","name":"fume_density","value":1.0,"comparison":"<=","digits":1,"unit":"mg/m³","flag":"S","enabled":true,"effective_from":"2026-07-01"}`),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	june := time.Date(2026, 6, 12, 12, 0, 0, 0, inspection.China)
	for _, in := range []template.Input{
		{Answers: object(`{"density":1.5}`), Started: june},
		{Answers: object(`{"density":1.5}`), Started: june.AddDate(0, 1, 0)},
		{Answers: object(`{}`), Started: june}, // a missing answer is never a pass
	} {
		in.Limits = limits
		out := checklist.Evaluate(in)
		fmt.Println(in.Started.Format(time.DateOnly), out.Verdict, out.Findings[0].Observed, out.Findings[0].Limit)
	}
	// Output:
	// 2026-06-12 pass 1.5 2.0
	// 2026-07-12 fail 1.5 1.0
	// 2026-06-12 indeterminate <nil> 2.0
}

func object(text string) inspection.Object {
	o, err := inspection.ParseObject([]byte(text))
	if err != nil {
		panic(err)
	}
	return o
}
