package seeds

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"

	"gridpatrol/inspection"
)

// columnType is the JSON type of a column; text where none is given.
type columnType int

const (
	textColumn columnType = iota
	numberColumn
	booleanColumn
)

// table reads a CSV file with a header: one document per row, named by its
// column "id". An empty cell is an absent member.
func table(c inspection.Collection, name string, types map[string]columnType) ([]Document, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("seeds: %w", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("seeds: %s: %w", name, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("seeds: %s is empty", name)
	}
	out := make([]Document, 0, len(rows)-1)
	for i, row := range rows[1:] {
		doc := make(inspection.Object, len(row))
		for j, cell := range row {
			v, err := cellValue(types[rows[0][j]], cell)
			if err != nil {
				return nil, fmt.Errorf("seeds: %s: row %d: %s: %w", name, i+2, rows[0][j], err)
			}
			if v != nil {
				doc[rows[0][j]] = v
			}
		}
		out = append(out, Document{Collection: c, ID: doc.Text("id"), Doc: doc})
	}
	return out, nil
}

func cellValue(t columnType, cell string) (any, error) {
	switch {
	case cell == "":
		return nil, nil
	case t == booleanColumn:
		return strconv.ParseBool(cell)
	case t == numberColumn:
		if !json.Valid([]byte(cell)) {
			return nil, fmt.Errorf("%q is no number", cell)
		}
		return json.Number(cell), nil
	}
	return cell, nil
}
