package inspection_test

import (
	"fmt"

	"gridpatrol/inspection"
)

// Two people edit the same record, both offline, from the same revision. What
// only one of them changed goes in; what both changed stays as the server has
// it, and the other value is kept for a person to decide.
func ExampleThreeWay() {
	base := document(`{"answers":{"plate":"陕A12345","usage":null,"mileage_km":100}}`)
	theirs := document(`{"answers":{"plate":"陕A12345","usage":"logistics","mileage_km":100,"note":"will come back"}}`)
	mine := document(`{"answers":{"plate":"陕A12345","usage":"sanitation","mileage_km":183000}}`)

	merged := inspection.ThreeWay(base, theirs, mine, false)
	fmt.Println(string(inspection.AppendJSON(nil, merged.Doc)))
	for _, c := range merged.Clashes {
		fmt.Println(c.Pointer(), "stays", c.Kept, "and was offered", c.Offered)
	}

	// On a record that is approved nothing goes in: every change is a clash.
	locked := inspection.ThreeWay(base, theirs, mine, true)
	fmt.Println("on a locked record, fields that clash:", len(locked.Clashes), "taken:", locked.Taken)
	// Output:
	// {"answers":{"mileage_km":183000,"note":"will come back","plate":"陕A12345","usage":"logistics"}}
	// /answers/usage stays logistics and was offered sanitation
	// on a locked record, fields that clash: 2 taken: false
}

func document(text string) inspection.Object {
	o, err := inspection.ParseObject([]byte(text))
	if err != nil {
		panic(err)
	}
	return o
}
