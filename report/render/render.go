// Package render writes reports for people: one file for each format that they
// can be had in, and what several formats share.
package render

import "gridpatrol/report"

// Formats lists what reports can be had in: the first is what whoever names none
// gets. A new format is a file of this package and a line here. Scratch is the
// folder for what is too large for memory; "" is the system's.
func Formats(scratch string) []report.Format {
	return []report.Format{JSON{}, XLSX{scratch}, CSV{}, GeoJSON{}}
}
