package task

// credit is the account of bytes under way to the plugin (invariant 3).
type credit struct {
	total   int64
	used    int64
	sharers int      // partitions among which the total is divided
	waiting *account // the one whose batch is larger than its share and has to wait for room
	needs   int64    // what it waits for
}

// account is one partition's part of it.
type account struct{ used int64 }

func (c *credit) share() int64 { return c.total / int64(max(c.sharers, 1)) }

// take books size bytes for a, or says that they have to wait.
func (c *credit) take(a *account, size int64) bool {
	reserved := c.needs
	if c.waiting == a {
		reserved = 0
	}
	switch large := size > c.share(); {
	case a.used > 0 && a.used+size > c.share():
		return false
	case c.used == 0 && reserved == 0: // alone, a record may be larger than all
	case c.used+size+reserved > c.total:
		if large && c.waiting == nil {
			c.waiting, c.needs = a, size // what comes free is kept for it: others must not starve it
		}
		return false
	}
	if c.waiting == a {
		c.waiting, c.needs = nil, 0
	}
	a.used += size
	c.used += size
	return true
}

// give returns size bytes. It is false where a never had them.
func (c *credit) give(a *account, size int64) bool {
	if size < 0 || size > a.used {
		return false
	}
	a.used -= size
	c.used -= size
	return true
}

// close returns all that a has, and what is kept for it.
func (c *credit) close(a *account) {
	c.used -= a.used
	a.used = 0
	if c.waiting == a {
		c.waiting, c.needs = nil, 0
	}
}
