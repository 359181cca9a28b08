package encode

import "github.com/sluice-connect/sluice/connectors"

// File is a file in the making. It is used by one goroutine at a time.
type File struct{ body body }

// body is the content of a file in one of the formats. Its methods are those of File.
type body interface {
	add(b *connectors.Batch, i int) error
	size() int64
	held() int
	take() Bytes
	finish() (Bytes, error)
	reset()
}

// Append adds record i of a batch, whose value must not be null. It does not keep the batch. A record that is refused
// leaves the file as it was.
func (f *File) Append(b *connectors.Batch, i int) error { return f.body.add(b, i) }

// Size is the length in bytes that the file would have if it were finished now; where a codec or an encoding still holds
// records back it is an estimate.
func (f *File) Size() int64 { return f.body.size() }

// Held is the memory in bytes that the content of the file takes.
func (f *File) Held() int { return f.body.held() }

// Take gives the bytes that will not change any more and drops them. They are valid until the next call of any method.
// It ends the block of an Avro file and the row group of a Parquet file, so that it gives memory back at the price of small
// ones. Nil says that there is nothing yet.
func (f *File) Take() Bytes { return f.body.take() }

// Finish ends the file and gives what Take has not given. Until Reset nothing can be appended, the bytes stay valid, and
// Finish gives them again.
func (f *File) Finish() (Bytes, error) { return f.body.finish() }

// Reset begins another file. It keeps no more than a megabyte of memory for it; pieces of files are kept for all files of the
// format, until the garbage collector wants them.
func (f *File) Reset() { f.body.reset() }
