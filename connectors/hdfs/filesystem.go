package hdfs

import (
	"context"
	"io"

	"github.com/sluice-connect/sluice/connectors/hdfs/compact"
)

// filesystem is what writers need of HDFS, or of a folder of this machine. Errors wrap fs.ErrNotExist, fs.ErrExist and
// fs.ErrPermission where they apply. It is used by one goroutine at a time.
type filesystem interface {
	MkdirAll(ctx context.Context, dir string) error
	// Create makes a new file in an existing folder. blockSize is a hint for one block a file.
	Create(ctx context.Context, name string, blockSize int64) (file, error)
	// Append opens a file at its end, and has it for itself until it is closed.
	Append(ctx context.Context, name string) (file, error)
	// Rename moves a file or folder atomically; a file replaces another.
	Rename(ctx context.Context, from, to string) error
	Size(ctx context.Context, name string) (int64, error)
	// List names what is in a folder.
	List(ctx context.Context, dir string) ([]string, error)
	// Folders names the folders in a folder.
	Folders(ctx context.Context, dir string) ([]string, error)
	ReadFile(ctx context.Context, name string) ([]byte, error)
	// Open opens a file to be read, with calls that end with ctx.
	Open(ctx context.Context, name string) (compact.Source, error)
	Truncate(ctx context.Context, name string, size int64) error
	RemoveAll(ctx context.Context, name string) error
	// Reset lets go of all open files and connections; the next call connects anew.
	Reset()
}

// file is an open file. After a failed Write it is not used any more.
type file interface {
	io.Writer
	// Close returns when everything is durable.
	Close() error
	// Within sets the context of the calls that follow.
	Within(ctx context.Context)
}
