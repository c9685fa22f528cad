// SPDX-License-Identifier: Apache-2.0

package usereventsreceiver

import (
	"errors"
	"io"
	"io/fs"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"otelue.dev/collector/usereventsreceiver/internal/perftest"
	"otelue.dev/collector/usereventsreceiver/internal/tracepoint"
)

// machine is a kernel that a test has in its hand.
type machine struct {
	mutex     sync.Mutex
	formats   map[string]tracepoint.Format
	findError error // in place of fs.ErrNotExist
	holdError error
	openError error
	held      int
	online    []bool                         // by processor
	rings     map[int]map[int]*perftest.Ring // by ID and processor: those that are open
	ringSize  int                            // 0: what the receiver asks for
	processes map[uint32]process
	clock     uint64
	awake     chan struct{}
	isClosed  bool
}

func newMachine(processors int) *machine {
	m := &machine{
		formats: map[string]tracepoint.Format{}, online: make([]bool, processors), rings: map[int]map[int]*perftest.Ring{},
		awake: make(chan struct{}, 1), clock: 1 << 40,
	}
	for i := range m.online {
		m.online[i] = true
	}
	return m
}

func (m *machine) locked(do func()) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	do()
}

// register makes a tracepoint exist.
func (m *machine) register(t testing.TB, name string, id int) {
	format, err := tracepoint.ParseFormat(perftest.Format)
	require.NoError(t, err)
	format.ID = id
	m.locked(func() { m.formats[name] = format })
}

func (m *machine) find(name string) (tracepoint.Format, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.findError != nil {
		return tracepoint.Format{}, m.findError
	}
	if format, ok := m.formats[name]; ok {
		return format, nil
	}
	return tracepoint.Format{}, fs.ErrNotExist
}

func (m *machine) hold(name string) (io.Closer, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.holdError != nil {
		return nil, m.holdError
	}
	m.held++
	if _, ok := m.formats[name]; !ok {
		format, _ := tracepoint.ParseFormat(perftest.Format)
		format.ID = 100 + len(m.formats)
		m.formats[name] = format
	}
	return m, nil
}

// Close ends a hold.
func (m *machine) Close() error {
	m.locked(func() { m.held-- })
	return nil
}

func (m *machine) open(id, cpu, size, _ int) (ring, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	switch {
	case m.openError != nil:
		return nil, m.openError
	case cpu >= len(m.online):
		return nil, syscall.EINVAL
	case !m.online[cpu]:
		return nil, syscall.ENODEV
	case m.rings[id][cpu] != nil && !m.rings[id][cpu].CloseCalled.Load():
		return nil, errors.New("this ring is open already")
	}
	if m.ringSize != 0 {
		size = m.ringSize
	}
	if m.rings[id] == nil {
		m.rings[id] = map[int]*perftest.Ring{}
	}
	m.rings[id][cpu] = perftest.NewRing(size)
	return m.rings[id][cpu], nil
}

func (m *machine) wait(timeout time.Duration) {
	select {
	case <-m.awake:
	case <-time.After(timeout):
	}
}

func (m *machine) wake() {
	select {
	case m.awake <- struct{}{}:
	default:
	}
}

func (m *machine) monotonic() uint64 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.clock
}

func (m *machine) process(pid uint32, _ uint64) process {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.processes[pid]
}

func (m *machine) close() { m.locked(func() { m.isClosed = true }) }

// ring returns one that is open, or nil.
func (m *machine) ring(id, cpu int) *perftest.Ring {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	r := m.rings[id][cpu]
	if r == nil || r.CloseCalled.Load() {
		return nil
	}
	return r
}

// switchCPU switches a processor off or on.
func (m *machine) switchCPU(cpu int, on bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.online[cpu] = on
	for _, rings := range m.rings {
		if r := rings[cpu]; r != nil && !on {
			r.SwitchOff()
		}
	}
}
