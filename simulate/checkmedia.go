package simulate

import (
	"context"
	"maps"
	"slices"
	"strings"
)

func (s *simulation) checkEvidence(_ context.Context, f *final) {
	for _, h := range f.docs {
		s.evidenceOf(f, h, s.tally)
	}
}

// evidenceOf checks what the server says of an inspection's photos. Each was
// sent by a phone that wrote the record, or by none.
func (s *simulation) evidenceOf(f *final, h held, t *tally) {
	if h.collection != inspections || h.deleted {
		return
	}
	doc := h.decode()
	evidence := members(members(doc["server"])["evidence"])
	named, lacking, foreign := map[string]bool{}, map[string]bool{}, false
	s.ledger.mu.Lock()
	for _, x := range list(doc["photos"]) {
		sha := text(members(x)["sha256"])
		named[sha] = true
		foreign = foreign || !s.ledger.taken[sha]
		if s.ledger.uploaded[sha] == nil {
			lacking[sha] = true
		}
	}
	s.ledger.mu.Unlock()
	if foreign { // who sent what nobody here has taken isn't known
		return
	}
	missing := map[string]bool{}
	for _, x := range list(evidence["missing"]) {
		missing[text(x)] = true
	}
	t.checked(checkEvidence)
	if !maps.Equal(missing, lacking) {
		t.violated(checkEvidence, "%s of area %s: the photos that lack are %v, by its evidence %v", h.id, h.area, sorted(lacking), sorted(missing))
	}
	complete := len(lacking) == 0 && len(list(evidence["missing_fields"])) == 0
	if evidence["complete"] != complete {
		t.violated(checkEvidence, "%s: its evidence says complete: %v and should say %t", h.id, evidence["complete"], complete)
	}
	s.reuseOf(f, h, evidence, named, lacking, t)
}

// reuseOf checks that the same picture on two records is flagged on both.
func (s *simulation) reuseOf(f *final, h held, evidence object, named, lacking map[string]bool, t *tally) {
	for sha := range named {
		if lacking[sha] || len(f.showing(sha)) < 2 {
			continue
		}
		t.checked(checkEvidence)
		flagged := slices.ContainsFunc(list(evidence["flags"]), func(x any) bool {
			flag := members(x)
			return flag["flag"] == "reused" && flag["sha256"] == sha
		})
		if !flagged {
			t.violated(checkEvidence, "%s shows photo %s, which is on another record, and isn't flagged", h.id, sha)
		}
	}
}

// showing lists the living inspections that show a photo.
func (f *final) showing(sha string) []string {
	if f.photos == nil {
		f.indexPhotos()
	}
	return f.photos[sha]
}

func (f *final) indexPhotos() {
	f.photos = map[string][]string{}
	for _, h := range f.docs {
		if h.collection != inspections || h.deleted || !strings.Contains(h.doc.Value(), `"sha256"`) {
			continue
		}
		shown := map[string]bool{}
		for _, x := range list(h.decode()["photos"]) {
			shown[text(members(x)["sha256"])] = true
		}
		for sha := range shown {
			f.photos[sha] = append(f.photos[sha], h.id)
		}
	}
}
