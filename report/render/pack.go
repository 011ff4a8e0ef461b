package render

import (
	"archive/zip"
	"cmp"
	"encoding/xml"
	"errors"
	"io"
	"slices"

	"github.com/xuri/excelize/v2"

	"gridpatrol/report"
)

// pack writes the finished workbook. The library zips its parts in an order
// that differs from run to run, so they are put in order behind it, as they
// are: the same report is the same bytes.
func (b *workbook) pack() (err error) {
	f, err := report.NewScratch(b.scratch)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b.file.ZipWriter = func(io.Writer) excelize.ZipWriter { return zip.NewWriter(f) }
	if _, err := b.file.WriteTo(io.Discard); err != nil {
		return err
	}
	return sortZip(b.out, f, f.Size())
}

// typesPart lists the media types of the other parts. Readers of the format
// expect it first.
const typesPart = "[Content_Types].xml"

// sortZip copies an archive, its parts sorted by name and without times. The
// library lists the types in no order either.
func sortZip(out io.Writer, in io.ReaderAt, size int64) error {
	zr, err := zip.NewReader(in, size)
	if err != nil {
		return err
	}
	slices.SortFunc(zr.File, func(a, b *zip.File) int { return cmp.Compare(a.Name, b.Name) })
	zw := zip.NewWriter(out)
	for _, f := range zr.File {
		if f.Name == typesPart {
			err = sortTypes(zw, f)
		}
	}
	for _, f := range zr.File {
		if err == nil && f.Name != typesPart {
			err = zw.Copy(f)
		}
	}
	return errors.Join(err, zw.Close())
}

type contentTypes struct {
	XMLName   xml.Name      `xml:"http://schemas.openxmlformats.org/package/2006/content-types Types"`
	Defaults  []contentType `xml:"Default"`
	Overrides []contentType `xml:"Override"`
}

type contentType struct {
	Extension   string `xml:",attr,omitempty"`
	PartName    string `xml:",attr,omitempty"`
	ContentType string `xml:",attr"`
}

func sortTypes(zw *zip.Writer, f *zip.File) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	var types contentTypes
	if err := xml.NewDecoder(r).Decode(&types); err != nil {
		return err
	}
	for _, list := range [][]contentType{types.Defaults, types.Overrides} {
		slices.SortFunc(list, func(a, b contentType) int {
			return cmp.Or(cmp.Compare(a.Extension, b.Extension), cmp.Compare(a.PartName, b.PartName))
		})
	}
	b, err := xml.Marshal(types)
	if err != nil {
		return err
	}
	w, err := zw.Create(typesPart)
	if err == nil {
		_, err = w.Write(append([]byte(xml.Header), b...))
	}
	return err
}
