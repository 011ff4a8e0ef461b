// Package template turns checklist definitions into what judges a record.
//
// A definition is YAML in XLSForm's vocabulary (type, name, label, required,
// relevant, constraint, choices, repeat, appearance) with expressions in CEL.
// It compiles to a JSON Schema of the answers, which a phone can validate
// against, and to CEL programs, which decide the verdict.
//
// Three ideas carry the package:
//
//   - A missing or unusable answer is CEL's unknown. Kleene logic does the
//     rest: false && unknown is false, true && unknown is unknown, and a rule
//     whose outcome is unknown is indeterminate, never a pass.
//   - Numbers are exact decimals, and CEL's own number literals don't mix with
//     them: an expression can compare an answer with limit.some_name, but not
//     with 1.2. So no limit can hide in a template.
//   - Limits are effective-dated rows. The date that counts is the check's,
//     unless a rule names a field (a product's production date).
//
// instance_name, as in XLSForm, is a text expression that says what a record
// is called among others: a plate, a shop's name.
//
// What an expression may name: the fields (a repeat is the number of its
// items, a photo field the number of its photos), the calculations above it,
// limit.<name>, started, finished, check_date (midnight of started in China),
// location_lat, location_lon and location_accuracy; and the functions
// answered, mean, days, hours, minutes and meters.
package template
