package render

import "github.com/xuri/excelize/v2"

// styles are the looks of cells, by number in the workbook.
type styles struct {
	title, subtitle, head, section, label, good, bad, percent, note int
	cell                                                            map[look]int
}

// paperA4 is the number of the size in the format.
const paperA4 = 9

const (
	inkHead   = "1F4E78"
	fillHead  = "DDEBF7"
	inkLine   = "BFBFBF"
	inkGood   = "375623"
	fillGood  = "E2EFDA"
	inkBad    = "9C0006"
	fillBad   = "FFC7CE"
	fontFace  = "宋体"
	fontPoint = 10
)

type styleMaker struct {
	file *excelize.File
	err  error
}

func (m *styleMaker) make(s *excelize.Style) int {
	id, err := m.file.NewStyle(s)
	if m.err == nil {
		m.err = err
	}
	return id
}

func newStyles(f *excelize.File) (styles, error) {
	m := &styleMaker{file: f}
	edge := []excelize.Border{}
	for _, side := range []string{"left", "right", "top", "bottom"} {
		edge = append(edge, excelize.Border{Type: side, Color: inkLine, Style: 1})
	}
	font := func(size float64, bold bool, ink string) *excelize.Font {
		return &excelize.Font{Family: fontFace, Size: size, Bold: bold, Color: ink}
	}
	fill := func(color string) excelize.Fill {
		return excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{color}}
	}
	at := func(horizontal string, wrap bool) *excelize.Alignment {
		return &excelize.Alignment{Horizontal: horizontal, Vertical: "center", WrapText: wrap}
	}
	body := func(horizontal string, wrap bool, numbers string) int {
		s := &excelize.Style{Font: font(fontPoint, false, ""), Border: edge, Alignment: at(horizontal, wrap)}
		if numbers != "" {
			s.CustomNumFmt = &numbers
		}
		if horizontal == "left" && !wrap {
			s.Alignment.Indent = 1 // keeps off the number in the cell before it
		}
		return m.make(s)
	}
	marked := func(ink, color string) int {
		return m.make(&excelize.Style{Font: font(fontPoint, true, ink), Fill: fill(color), Border: edge, Alignment: at("center", false)})
	}
	st := styles{
		title:    m.make(&excelize.Style{Font: font(16, true, inkHead), Alignment: at("center", false)}),
		subtitle: m.make(&excelize.Style{Font: font(fontPoint, false, "595959"), Alignment: at("center", false)}),
		head:     m.make(&excelize.Style{Font: font(fontPoint, true, inkHead), Fill: fill(fillHead), Border: edge, Alignment: at("center", true)}),
		section:  m.make(&excelize.Style{Font: font(12, true, inkHead), Alignment: at("left", false)}),
		label:    m.make(&excelize.Style{Font: font(fontPoint, true, inkHead), Border: edge, Alignment: at("left", true)}),
		note:     m.make(&excelize.Style{Font: font(9, false, "595959"), Alignment: at("left", true)}),
		good:     marked(inkGood, fillGood),
		bad:      marked(inkBad, fillBad),
		percent:  body("right", false, "+0.0%;-0.0%;0.0%"),
		cell: map[look]int{
			asText: body("left", false, ""), asShort: body("center", false, ""), asWrapped: body("left", true, ""), asNumber: body("right", false, ""),
			asDate: body("center", false, "yyyy-mm-dd"), asMoment: body("center", false, "yyyy-mm-dd hh:mm"),
		},
	}
	return st, m.err
}

// setPage sets a sheet up for A4 across, so many pages wide; of 0 pages high the
// rows decide.
func (b *workbook) setPage(name string, wide, high int) error {
	yes, size, across := true, paperA4, "landscape"
	err := b.file.SetSheetProps(name, &excelize.SheetPropsOptions{FitToPage: &yes})
	if err != nil {
		return err
	}
	err = b.file.SetPageLayout(name, &excelize.PageLayoutOptions{
		Size: &size, Orientation: &across, FitToWidth: &wide, FitToHeight: &high,
	})
	if err != nil {
		return err
	}
	side, top, foot := 0.4, 0.6, 0.3
	err = b.file.SetPageMargins(name, &excelize.PageLayoutMarginsOptions{
		Left: &side, Right: &side, Top: &top, Bottom: &top, Header: &foot, Footer: &foot, Horizontally: &yes,
	})
	if err != nil {
		return err
	}
	err = b.file.SetHeaderFooter(name, &excelize.HeaderFooterOptions{
		OddHeader: "&L" + areaNames(b.rc) + " " + windowTitle(b.rc.Window) + "&R&A",
		OddFooter: "&L数据截至 " + momentWord(b.rc.Position.At) + "&R第 &P 页，共 &N 页",
	})
	if err != nil || high > 0 {
		return err
	}
	last, err := excelize.ColumnNumberToName(leading)
	if err != nil {
		return err
	}
	titles := "'" + name + "'!$1:$1"
	if wide > 1 {
		titles = "'" + name + "'!$A:$" + last + "," + titles
	}
	return b.file.SetDefinedName(&excelize.DefinedName{Name: "_xlnm.Print_Titles", RefersTo: titles, Scope: name})
}
