package mongo

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"go.mongodb.org/mongo-driver/bson"
	driver "go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"gridpatrol/inspection"
	"gridpatrol/store"
)

// The database:
//
//	log    one document per commit, never changed
//	views  records, receipts and the areas' marks, by the beginning of their
//	       _id. They are one collection so that one command can write what
//	       a commit means to all of them, the mark last
//	plain  the rows of the plain tables
//	meta   the database's identity, its schema, whether it is read-only
//
//	photos.files, photos.chunks, photos.parts: see Blobs
//
// schemaVersion is that of all this. A newer program may raise it.
const schemaVersion = "1"

// commitKey is the place of a commit: keys of one area sort like seqs.
func commitKey(area inspection.Area, first int64) string {
	return fmt.Sprintf("%s/%016d", area, first)
}

// Records are between these keys.
const (
	recordPrefix = "record/"
	afterRecords = "record0"
)

func recordKey(id inspection.DocID) string { return recordPrefix + string(id) }

func recordKeys(ids []inspection.DocID) []string {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = recordKey(id)
	}
	return keys
}

// receiptKey escapes the ids so that no two devices share a key.
func receiptKey(device inspection.Device, n int64) string {
	return "receipt/" + url.PathEscape(string(device.User)) + "/" + url.PathEscape(string(device.ID)) + "/" + strconv.FormatInt(n, 10)
}

func markKey(area inspection.Area) string { return "area/" + string(area) }

func ascending(names ...string) bson.D {
	keys := make(bson.D, len(names))
	for i, name := range names {
		keys[i] = bson.E{Key: name, Value: 1}
	}
	return keys
}

// newestFirst is the order of lists.
var newestFirst = bson.D{{Key: "latest.started", Value: -1}, {Key: "_id", Value: -1}}

// listed is an index for lists that ask for one value of a field.
func listed(field ...string) bson.D {
	return append(ascending(append([]string{"area", "latest.collection", "latest.deleted"}, field...)...), newestFirst...)
}

// index is one that a query needs.
type index struct {
	name string
	keys bson.D
	// sparse leaves out documents that have none of the fields.
	sparse bool
}

var logIndexes = []index{
	{name: "log_by_last", keys: ascending("area", "last")},
	{name: "log_by_seq", keys: ascending("area", "seqs")},
	{name: "log_by_time", keys: ascending("area", "at", "first")},
	{name: "log_first", keys: ascending("opens"), sparse: true},
}

var viewIndexes = []index{
	{name: "records_by_seq", keys: ascending("area", "latest.seq", "latest.collection"), sparse: true},
	{name: "records_kept", keys: ascending("area", "latest.kept", "latest.seq", "latest.collection"), sparse: true},
	{name: "records_by_term", keys: ascending("latest.terms", "_id"), sparse: true},
	{name: "records_by_start", keys: listed(), sparse: true},
	{name: "records_by_template", keys: listed("latest.template"), sparse: true},
	{name: "records_by_verdict", keys: listed("latest.verdict"), sparse: true},
	{name: "records_by_state", keys: listed("latest.state"), sparse: true},
	{name: "records_by_evidence", keys: listed("latest.evidence"), sparse: true},
	{name: "receipts_by_device", keys: ascending("receipt.user", "receipt.device", "receipt.n"), sparse: true},
	{name: "areas_by_mark", keys: ascending("applied.seq"), sparse: true},
}

// makeIndexes makes one after the other: an index that another process is
// making just now is waited for, and FerretDB fails over a list of those that
// are there.
func (s *Store) makeIndexes(ctx context.Context) error {
	for c, list := range s.indexes() {
		for _, ix := range list {
			model := driver.IndexModel{Keys: ix.keys, Options: options.Index().SetName(ix.name).SetSparse(ix.sparse)}
			if _, err := c.Indexes().CreateOne(ctx, model); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) indexes() map[*driver.Collection][]index {
	b := s.Blobs()
	return map[*driver.Collection][]index{
		s.log: logIndexes, s.views: viewIndexes, b.files: fileIndexes, b.chunks: chunkIndexes,
	}
}

// prepare makes what is missing in the database, or refuses it. Of several
// processes that do so at once, all end with the same.
func (s *Store) prepare(ctx context.Context) error {
	var err error
	if s.quirks, err = findQuirks(ctx, s.log.Database()); err != nil {
		return err
	}
	if err := s.checkSchema(ctx); err != nil {
		return err
	}
	// A user who may only read is found out now rather than at the first push.
	if err := s.setMeta(ctx, "opened", s.newID()); err != nil {
		return err
	}
	return s.loadMarks(ctx)
}

// quirks are what is different about a server.
type quirks struct {
	// sharded: the parts of an ordered command go to several servers, and the
	// last may be safe on one while the first is lost in another's election.
	sharded bool
	// idle: indexes beside that of _id are never used and only cost, so none
	// are made.
	idle bool
	// points: only a query for one _id uses an index, so a few documents are
	// read one by one.
	points bool
	// turns: the change of one document on a condition isn't atomic, so that
	// writers of a row have to take turns.
	turns bool
	// many: a change of one document by UpdateOne keeps a connection of the
	// server's own until its command has ended; one by UpdateMany doesn't.
	many bool
}

// findQuirks asks the server what it is. FerretDB 1 has the last four.
func findQuirks(ctx context.Context, db *driver.Database) (quirks, error) {
	var hello struct {
		Message string `bson:"msg"`
	}
	if err := db.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		return quirks{}, err
	}
	var build struct {
		FerretDB string `bson:"ferretdbVersion"`
	}
	if err := db.RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&build); err != nil {
		return quirks{}, err
	}
	ferret := build.FerretDB != ""
	return quirks{sharded: hello.Message == "isdbgrid", idle: ferret, points: ferret, turns: ferret, many: ferret}, nil
}

// loadMarks reads the marks of all areas.
func (s *Store) loadMarks(ctx context.Context) error {
	found, err := collect[mark](ctx, s.views, bson.D{{Key: "applied.seq", Value: bson.D{{Key: "$gt", Value: int64(0)}}}})
	if err != nil {
		return err
	}
	for i := range found {
		head, err := found[i].Applied.decode()
		if err != nil {
			return err
		}
		s.area(found[i].area()).advance(head)
	}
	return nil
}

// checkSchema makes the indexes and the identity of a new database. What says
// that it is complete is written last.
func (s *Store) checkSchema(ctx context.Context) error {
	version, err := s.readMeta(ctx, "schema")
	if err != nil || version == schemaVersion {
		return err
	}
	if version != "" {
		return inspection.Errorf(inspection.CodeUnavailable,
			"The database has schema %s, made by a newer version of this program, which knows schemas up to %s. Install the newer version, or name another database.",
			version, schemaVersion)
	}
	if s.existing {
		return inspection.Errorf(inspection.CodeNotFound, "There is no database of this name on the server. Name one that was made before.")
	}
	if !s.quirks.idle {
		if err := s.makeIndexes(ctx); err != nil {
			return err
		}
	}
	if err := s.setMetaOnce(ctx, idName, s.newID()); err != nil {
		return err
	}
	return s.setMetaOnce(ctx, "schema", schemaVersion)
}

type metaValue struct {
	Value string `bson:"value"`
}

// readMeta returns "" for a name that isn't there.
func (s *Store) readMeta(ctx context.Context, name string) (string, error) {
	var v metaValue
	err := s.meta.FindOne(ctx, bson.D{{Key: "_id", Value: name}}).Decode(&v)
	if errors.Is(err, driver.ErrNoDocuments) {
		return "", nil
	}
	return v.Value, err
}

// setMetaOnce gives a name a value for good: that of the first of all processes
// that do so.
func (s *Store) setMetaOnce(ctx context.Context, name, value string) error {
	_, err := s.meta.InsertOne(ctx, bson.D{{Key: "_id", Value: name}, {Key: "value", Value: value}})
	if driver.IsDuplicateKeyError(err) {
		return nil
	}
	return err
}

func (s *Store) setMeta(ctx context.Context, name, value string) error {
	_, err := s.meta.UpdateOne(ctx, bson.D{{Key: "_id", Value: name}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "value", Value: value}}}}, options.Update().SetUpsert(true))
	if driver.IsDuplicateKeyError(err) { // two made it at once
		return nil
	}
	return err
}

const (
	idName       = "id"
	readOnlyName = "read_only"
)

func (s *Store) checkWritable(ctx context.Context) error {
	mark, err := s.readMeta(ctx, readOnlyName)
	if err == nil && mark != "" {
		return store.ErrReadOnly
	}
	return err
}
