package whoql

import (
	"github.com/whoql/whoql/csvfile"
	"github.com/whoql/whoql/vtab"
)

// A CSV is a file of comma-separated values that statements read as a table.
type CSV = vtab.CSV

// CSVOptions say how a CSV file is to be read.
type CSVOptions = csvfile.Options

// A CSVError is what is wrong with a CSV file, with the line.
type CSVError = csvfile.Error

// An Attachment is a SQLite file whose tables statements can use.
type Attachment = vtab.Attachment

// An AttachMode is what statements may do with an attached file.
type AttachMode = vtab.AttachMode

// The modes of attached files.
const (
	// AttachRead only reads. The file must be there. It is the default.
	AttachRead = vtab.AttachRead
	// AttachWrite reads and writes. The file must be there.
	AttachWrite = vtab.AttachWrite
	// AttachCreate reads and writes, and makes the file if it is not there.
	AttachCreate = vtab.AttachCreate
)

// An AttachError is a file that can't be attached.
type AttachError = vtab.AttachError

// A FileNameError is a name that a file can't have in SQL.
type FileNameError = vtab.NameError

// openFiles makes the files of the options tables.
func (q *query) openFiles() error {
	for _, a := range q.engine.options.Attach {
		if err := q.db.Attach(a); err != nil {
			return err
		}
	}
	for _, c := range q.engine.options.CSV {
		if err := q.db.RegisterCSV(c); err != nil {
			return err
		}
	}
	if len(q.engine.options.Attach) == 0 {
		return nil
	}
	return q.begin()
}

// begin begins the query's transaction.
func (q *query) begin() error {
	if q.begun {
		return nil
	}
	q.begun = true
	return q.db.Begin()
}

// commit keeps what the statements have changed, but not of what is only tried: that is undone when the
// query's SQLite is closed.
func (q *query) commit() error {
	if changes := q.engine.options.Changes; !q.commits || changes != nil && changes.DryRun {
		return nil
	}
	q.commits = false
	return q.db.Commit()
}
