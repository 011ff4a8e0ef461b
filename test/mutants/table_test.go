package mutants_test

// mutants are the bugs, each with the promises that it breaks.
var mutants = []mutant{
	{
		bug: "receipts are not kept", quick: true, caught: []string{"once"},
		edits: []edit{{"store/sqlite/append.go", "	if err := insertReceipts(ctx, q, c); err != nil {\n		return err\n	}\n", ""}},
	},
	{
		bug: "every other repeated mutation is carried out again", caught: []string{"once"},
		edits: []edit{{"sync/decide.go", "	return r, ok && it.m.unnumbered == nil\n", "	return r, ok && it.m.unnumbered == nil && it.m.N%2 == 0\n"}},
	},
	{
		bug: "a replay tells the present revision", caught: []string{"receipts"},
		edits: []edit{{"sync/decide.go", "		out.doc = d.visible(it, cur.rec.Area, cur.rec.Doc)\n", "		out.doc, out.rev = d.visible(it, cur.rec.Area, cur.rec.Doc), cur.rec.Rev\n"}},
	},
	{
		bug: "a place in the log stays free", caught: []string{"gapless"},
		edits: []edit{
			{"sync/commitqueue.go", "	d := &decider{\n", "	if seen.Head.Seq%5 == 4 {\n		seen.Head.Seq++\n	}\n	d := &decider{\n"},
			{"store/sqlite/append.go", "	if head.Seq != c.First-1 || head.Hash != c.Previous {", "	if head.Hash != c.Previous {"},
		},
	},
	{
		bug: "a full page steps over a document", caught: []string{"equal"},
		edits: []edit{{"store/store.go", "		page.Seq = found[limit-1].Seq\n", "		page.Seq = found[limit-1].Seq + 1\n"}},
	},
	{
		bug: "the views' mark moves before the views", mongo: true, caught: []string{"equal"},
		args:  []string{"--phones", "6", "--days", "5", "--kill-every", "0s"},
		edits: []edit{{"store/mongo/append.go", "	s.step(\"appended\")\n", "	s.step(\"appended\")\n	a.advance(c.Head())\n"}},
	},
	{
		bug: "an answer goes out before the write is durable", caught: []string{"kept", "once"},
		edits: []edit{{"store/optimistic.go", "		return log.Append(ctx, commit)\n",
			"		if area == inspection.ReferenceArea {\n			return log.Append(ctx, commit)\n		}\n		go func() {\n			time.Sleep(30 * time.Millisecond)\n			_ = log.Append(context.WithoutCancel(ctx), commit)\n		}()\n		return nil\n"}},
	},
	{
		bug: "a merge drops a field", quick: true, caught: []string{"merged"},
		edits: []edit{{"inspection/merge.go", "	m.taken = true\n	return t.mine, true\n}", "	m.taken = true\n	return t.mine, path[len(path)-1] != \"note\" || t.theirs == nil\n}"}},
	},
	{
		bug: "an overlap is not recorded as a conflict", caught: []string{"conflicts"},
		edits: []edit{{"sync/conflicts.go", "		list, room = append(list, conflict), room-size\n", "		room -= size\n"}},
	},
	{
		bug: "an approved record takes edits", caught: []string{"merged"},
		edits: []edit{{"sync/decide.go", "inspection.ThreeWay(from.doc, theirs, mine, inspection.Locked(it.m.Collection, &server))", "inspection.ThreeWay(from.doc, theirs, mine, false)"}},
	},
	{
		bug: "a delete doesn't mind what others changed", caught: []string{"merged"},
		edits: []edit{{"sync/decide.go", "	if !cur.rec.Deleted && (unseen || locked) {", "	if !cur.rec.Deleted && (unseen && false || locked) {"}},
	},
	{
		bug: "a deleted record comes back without a word", caught: []string{"merged"},
		edits: []edit{{"sync/decide.go", "	case revived || !inspection.SameFields(merge.Doc, mine):", "	case !inspection.SameFields(merge.Doc, mine):"}},
	},
	{
		bug: "an edit doesn't revive a deleted record", caught: []string{"merged"},
		edits: []edit{{"sync/decide.go", "	revived := cur.rec.Deleted && (", "	revived := false && ("}},
	},
	{
		bug: "tombstones are not pulled", caught: []string{"equal"},
		edits: []edit{{"store/sqlite/views.go", "	fromSeq = ` FROM records INDEXED BY records_by_seq WHERE area = ?",
			"	fromSeq = ` FROM records INDEXED BY records_by_seq WHERE deleted = 0 AND area = ?"}},
	},
	{
		bug: "a page that was read ahead goes to whoever asks next", caught: []string{"equal"},
		edits: []edit{{"sync/prefetch.go", "return fmt.Sprint(q) }", "return fmt.Sprint(q.Area) }"}},
	},
	{
		bug: "an area that was taken away is still served", caught: []string{"rights"},
		edits: []edit{{"sync/pull.go", "			revoked = append(revoked, area)\n", "			readable = append(readable, area)\n"}},
	},
	{
		bug: "what is rejected is thrown away", caught: []string{"quarantine"},
		edits: []edit{{"sync/quarantine.go", "	d.addEntry(*e, cur)\n	d.known[id] = cur\n", "	d.known[id] = cur\n"}},
	},
	{
		bug: "a photo that comes late changes no evidence", caught: []string{"evidence"},
		edits: []edit{{"media/finish.go", "		err := s.eachNaming(ctx, sha, func(rec *store.Record) error { return s.refreshEvidence(ctx, rec.Area, rec.ID) })\n",
			"		err := s.eachNaming(ctx, sha, func(*store.Record) error { return nil })\n"}},
	},
	{
		bug: "an upload that breaks off is given up", caught: []string{"photos"},
		edits: []edit{{"media/receive.go", "		return n, err\n	case n == left", "		return n, errors.Join(err, s.discard(ctx, row))\n	case n == left"}},
	},
	{
		bug: "a deleted record counts", caught: []string{"counts"}, args: []string{"--phones", "12", "--days", "16"},
		edits: []edit{{"store/asof/snapshot.go", "r.Rev > 0 && r.Seq <= seq && !r.Deleted\n", "r.Rev > 0 && r.Seq <= seq\n"}},
	},
	{
		bug: "a vehicle that is checked twice in one session counts twice", caught: []string{"counts"},
		edits: []edit{{"report/count.go", "		return SameVehicle\n", "		t.sum.Checks++\n		return SameVehicle\n"}},
	},
	{
		bug: "a refresh token works once only", caught: []string{"sign-in"},
		edits: []edit{{"auth/refresh.go", "	case age == 1:\n		return verdictRepeat\n", "	case age == 1:\n		return verdictReused\n"}},
	},
	{
		bug: "a record is not what its log says", caught: []string{"verify"},
		edits: []edit{{"store/sqlite/record.go", "toNanos(r.At), r.Deleted, r.Pinned,\n", "toNanos(r.At), r.Deleted, !r.Pinned,\n"}},
	},
}
