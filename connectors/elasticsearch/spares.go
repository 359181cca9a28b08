package elasticsearch

// spares is memory that is used again, as much of it as the channel has room for. The garbage collector would empty a pool several
// times a second, and buffers that grow anew cost more than all else here.
type spares[T any] chan *T

func (s spares[T]) get() *T {
	select {
	case v := <-s:
		return v
	default:
		return new(T)
	}
}

func (s spares[T]) put(v *T) {
	select {
	case s <- v:
	default:
	}
}
