package template

import (
	"testing"
	"time"

	"gridpatrol/inspection"
)

// mini has a field of every type and a rule of every kind.
const mini = `
name: mini
version: 3
title: {zh: 测试, en: Test}
fields:
  - {type: text, name: vin, label: {zh: 代号, en: VIN}, required: true}
  - {type: text, name: plate, label: {zh: 车牌, en: Plate}, patterns: plate, pattern_by: mode}
  - {type: integer, name: count, label: {zh: 数量, en: Count}, min: 0, max: 10}
  - {type: decimal, name: value, label: {zh: 数值, en: Value}, min: -5, max: 100}
  - {type: date, name: made, label: {zh: 生产日期, en: Made}}
  - {type: datetime, name: begun, label: {zh: 开始, en: Begun}}
  - {type: datetime, name: done, label: {zh: 结束, en: Done}, constraint: done >= begun}
  - {type: boolean, name: ok, label: {zh: 正常, en: In order}}
  - {type: select_one, name: mode, label: {zh: 方式, en: Mode}, choices: [{name: a, label: {zh: 甲, en: A}}, {name: b, label: {zh: 乙, en: B}}]}
  - {type: select_multiple, name: tags, label: {zh: 标签, en: Tags}, choices: [{name: x, label: {zh: 子, en: X}}, {name: y, label: {zh: 丑, en: Y}}]}
  - {type: numbers, name: readings, label: {zh: 读数, en: Readings}, min: 0, max: 20, required: true, relevant: 'mode == "a" && !("y" in tags || ok)'}
  - {type: text, name: reason, label: {zh: 原因, en: Reason}, required: true, relevant: 'mode != "a" || "x" in tags && !ok'}
  - type: repeat
    name: items
    label: {zh: 清单, en: Items}
    repeat:
      - {type: text, name: what, label: {zh: 品名, en: What}, required: true}
      - {type: decimal, name: amount, label: {zh: 数量, en: Amount}, min: 0}
  - {type: photo, name: before, label: {zh: 前, en: Before}, min_count: 2}
  - {type: photo, name: after, label: {zh: 后, en: After}, min_count: 1, relevant: ok}
calculations:
  - {name: size_class, label: {zh: 规模, en: Size}, choices: [small, large], calculation: 'count >= limit.large ? "large" : "small"'}
rules:
  - {name: compared, label: {zh: 比较, en: Compared}, basis: B 1, observe: value, limit: max_value, when: '!answered(mode) || mode == "a"'}
  - {name: by_size, label: {zh: 按规模, en: By size}, basis: B 2, when: answered(count), observe: value, limit: 'cap_{size_class}'}
  - {name: made_rule, label: {zh: 按生产日期, en: By production}, basis: B 3, date: made, when: answered(made), observe: value, limit: dated, pending_lab: '!answered(value)'}
  - {name: advice, label: {zh: 建议, en: Advice}, basis: B 4, level: warn, when: answered(ok), check: ok, fail: {zh: 不正常, en: Not in order}}
  - {name: mean_rule, label: {zh: 平均, en: Mean}, basis: B 5, when: answered(readings), observe: 'mean(readings, limit.readings)', limit: max_value}
  - {name: duration, label: {zh: 时长, en: Duration}, basis: B 6, when: answered(done), check: hours(done - begun) <= limit.hours}
  - {name: period, label: {zh: 期间, en: Period}, basis: B 7, during: period, when: answered(ok), check: ok}
lead_unit:
  default: ecology
  cases: [{when: mode == "b", unit: police}]
`

func mustParse(t testing.TB, yaml string) *Template {
	t.Helper()
	tp, err := Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return tp
}

func object(t testing.TB, text string) inspection.Object {
	t.Helper()
	o, err := inspection.ParseObject([]byte(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return o
}

func limitSet(t testing.TB, rows ...string) *LimitSet {
	t.Helper()
	var docs []inspection.Object
	for _, r := range rows {
		docs = append(docs, object(t, r))
	}
	s, err := NewLimitSet(docs)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func miniLimits(t testing.TB) *LimitSet {
	return limitSet(t,
		`{"id":"1","name":"max_value","value":1.2,"comparison":"<=","digits":2,"unit":"m","standard":"GB 1","flag":"S","enabled":true}`,
		`{"id":"2","name":"large","value":5,"comparison":">=","flag":"P","enabled":true}`,
		`{"id":"3","name":"cap_small","value":2,"comparison":"<","flag":"P","enabled":true}`,
		`{"id":"4","name":"cap_large","value":4,"comparison":">","flag":"P","enabled":true}`,
		`{"id":"5","name":"dated","value":80,"comparison":"<=","flag":"S","enabled":true,"effective_from":"2021-01-01","effective_to":"2026-06-01"}`,
		`{"id":"6","name":"dated","value":50,"comparison":"<=","flag":"S","enabled":true,"effective_from":"2026-06-01"}`,
		`{"id":"7","name":"readings","value":3,"comparison":">=","flag":"S","enabled":true}`,
		`{"id":"8","name":"hours","value":24,"comparison":"<=","flag":"S","enabled":true}`,
		`{"id":"9","name":"period","flag":"P","enabled":true,"effective_from":"2026-01-01"}`,
		`{"id":"p","name":"plate","pattern":"陕[A-Z][0-9]{5}","pattern_for":["a"],"flag":"S","enabled":true}`,
	)
}

var noon = time.Date(2026, 10, 12, 12, 0, 0, 0, inspection.China)

func finding(t testing.TB, out Outcome, rule string) inspection.Finding {
	t.Helper()
	for _, f := range out.Findings {
		if f.Rule == rule {
			return f
		}
	}
	t.Fatalf("no finding of rule %s", rule)
	return inspection.Finding{}
}
