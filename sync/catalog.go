package sync

import (
	"context"
	"fmt"
	gosync "sync"
	"time"

	"gridpatrol/inspection"
	"gridpatrol/store"
	"gridpatrol/template"
)

// catalogAge is how long reference data may be out of date in this process.
const catalogAge = time.Second

// catalog keeps the reference data compiled. It reads only what changed.
type catalog struct {
	store Store
	now   func() time.Time

	mu    gosync.Mutex
	known *Reference
	// compiled holds the templates whose documents have not changed: all of them
	// together may take seconds, for which every street would wait.
	compiled map[inspection.DocID]*template.Template
	docs     map[inspection.Collection]map[inspection.DocID]inspection.Object
	seq      int64
	readAt   time.Time
}

// Reference is the reference data at one moment. It is never changed.
type Reference struct {
	Areas     map[inspection.Area]bool
	Units     map[string]bool
	Templates map[string]*template.Template // by "name@version"
	Limits    *template.LimitSet
}

// current returns the reference data, at most catalogAge old.
func (c *catalog) current(ctx context.Context) (*Reference, error) {
	return c.upTo(ctx, 0)
}

// upTo is current, with what the reference log holds up to seq at least.
func (c *catalog) upTo(ctx context.Context, seq int64) (*Reference, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known != nil && c.seq >= seq && c.now().Sub(c.readAt) < catalogAge {
		return c.known, nil
	}
	changed, err := c.read(ctx)
	if err != nil {
		return nil, err
	}
	if changed || c.known == nil {
		known, err := c.compile()
		if err != nil {
			return nil, err
		}
		c.known = known
	}
	c.readAt = c.now()
	return c.known, nil
}

// forget makes the next use read again.
func (c *catalog) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readAt = time.Time{}
}

// read takes over the reference documents that changed.
func (c *catalog) read(ctx context.Context) (changed bool, err error) {
	for {
		page, err := c.store.Changes(ctx, store.ChangesQuery{
			Area: inspection.ReferenceArea, Collections: inspection.ReferenceCollections,
			After: c.seq, Limit: 500,
		})
		if err != nil {
			return changed, fmt.Errorf("reading reference data: %w", err)
		}
		for _, r := range page.Records {
			if err := c.applyRecord(r); err != nil {
				return changed, err
			}
			changed = true
		}
		c.seq = page.Seq
		if !page.More {
			return changed, nil
		}
	}
}

func (c *catalog) applyRecord(r store.Record) error {
	if c.docs == nil {
		c.docs = map[inspection.Collection]map[inspection.DocID]inspection.Object{}
	}
	if c.docs[r.Collection] == nil {
		c.docs[r.Collection] = map[inspection.DocID]inspection.Object{}
	}
	delete(c.compiled, r.ID) // ids of reference documents begin with their collection
	if r.Deleted {
		delete(c.docs[r.Collection], r.ID)
		return nil
	}
	doc, err := inspection.ParseObject(r.Doc)
	if err != nil {
		return fmt.Errorf("reference document %s/%s: %w", r.Collection, r.ID, err)
	}
	c.docs[r.Collection][r.ID] = doc
	return nil
}

func (c *catalog) compile() (*Reference, error) {
	docs := c.docs
	ref := &Reference{
		Areas: map[inspection.Area]bool{}, Units: map[string]bool{},
		Templates: map[string]*template.Template{},
	}
	for id := range docs[inspection.Areas] {
		ref.Areas[inspection.Area(shortID(id))] = true
	}
	for id := range docs[inspection.Units] {
		ref.Units[shortID(id)] = true
	}
	for id, doc := range docs[inspection.Templates] {
		t, err := c.template(id, doc)
		if err != nil {
			return nil, err
		}
		ref.Templates[templateKey(t.Name(), int64(t.Version()))] = t
	}
	var limits []inspection.Object
	for _, doc := range docs[inspection.Limits] {
		limits = append(limits, doc)
	}
	set, err := template.NewLimitSet(limits)
	if err != nil {
		return nil, fmt.Errorf("limits: %w", err)
	}
	ref.Limits = set
	return ref, nil
}

func (c *catalog) template(id inspection.DocID, doc inspection.Object) (*template.Template, error) {
	if t := c.compiled[id]; t != nil {
		return t, nil
	}
	t, err := template.FromDocument(doc)
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", id, err)
	}
	if c.compiled == nil {
		c.compiled = map[inspection.DocID]*template.Template{}
	}
	c.compiled[id] = t
	return t, nil
}

func templateKey(name string, version int64) string { return fmt.Sprintf("%s@%d", name, version) }

// Reference returns the reference data, at most a second old.
func (s *Service) Reference(ctx context.Context) (*Reference, error) { return s.catalog.current(ctx) }

// AreaExists reports whether there is such an area, or one that lies in it:
// only these can be granted.
func (s *Service) AreaExists(ctx context.Context, area inspection.Area) (bool, error) {
	ref, err := s.Reference(ctx)
	if err != nil {
		return false, err
	}
	for known := range ref.Areas {
		if area.Covers(known) {
			return true, nil
		}
	}
	return false, nil
}

// TaskDue returns until when a task is due that follows from a check at the
// time, by the newest template of the name. ok is false if no template or
// limit says so.
func (r *Reference) TaskDue(name string, checked time.Time) (due time.Time, ok bool) {
	if t := r.newest(name); t != nil {
		return t.TaskDue(r.Limits, checked)
	}
	return time.Time{}, false
}

// newest returns the newest version of a template, or nil.
func (r *Reference) newest(name string) *template.Template {
	var newest *template.Template
	for _, t := range r.Templates {
		if t.Name() == name && (newest == nil || t.Version() > newest.Version()) {
			newest = t
		}
	}
	return newest
}

// Template returns the template that a document was filled with, or nil.
func (r *Reference) Template(doc inspection.Object) *template.Template {
	version, ok := doc.Int("template_version")
	if !ok {
		return nil
	}
	return r.Templates[templateKey(doc.Text("template"), version)]
}
