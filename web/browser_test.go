package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// findChromium returns the browser to test with.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium on the PATH: install one (on Debian: apt-get install chromium)")
	return ""
}

// startBrowser opens an empty tab in a headless browser of its own. Whatever the page complains about on its console, violations of the
// policy among it, fails the test.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(findChromium(t)),
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("headless", true),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("lang", "en"),
		chromedp.WSURLReadTimeout(patience),
	}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	var mu sync.Mutex
	var complaints []string
	listener := func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			complaints = append(complaints, e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			// The page itself tells of failed requests, which some tests want to see.
			if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
				complaints = append(complaints, e.Entry.Text)
			}
		}
	}
	bounded, cancelTime := context.WithTimeout(context.Background(), 3*patience)
	alloc, cancelAlloc := chromedp.NewExecAllocator(bounded, options...)
	tab, cancelTab := chromedp.NewContext(alloc, chromedp.WithListener(listener))
	t.Cleanup(func() {
		if err := chromedp.Cancel(tab); err != nil {
			t.Errorf("close the browser: %v", err)
		}
		cancelTab()
		cancelAlloc()
		cancelTime()
		mu.Lock()
		defer mu.Unlock()
		if len(complaints) > 0 {
			t.Errorf("the page complained: %q", complaints)
		}
	})
	return tab
}

// browse does all steps in the tab.
func browse(t *testing.T, tab context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(tab, steps...); err != nil {
		t.Fatal(err)
	}
}

// look returns the value of a JavaScript expression in the tab.
func look[T any](t *testing.T, tab context.Context, expression string) T {
	t.Helper()
	value, err := chromedp.Run(tab, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// says waits until the message line shows text.
func says(text string) chromedp.Action[chromedp.Void] {
	return chromedp.Poll[chromedp.Void](fmt.Sprintf(`document.getElementById("message").textContent === %q`, text), chromedp.WithPollingTimeout(patience))
}

// focus names what has the focus: a button by its value, anything else by its id.
const focus = `document.activeElement.name === "color" ? document.activeElement.value : document.activeElement.id`

func TestPersonPicksInBrowser(t *testing.T) {
	_, broker := startBroker(t)
	r := startService(t, broker)
	tab := startBrowser(t)
	focusIs := func(want string) {
		t.Helper()
		if got := look[string](t, tab, focus); got != want {
			t.Errorf("the focus is on %q, want %q", got, want)
		}
	}

	browse(t, tab, chromedp.Navigate(r.url))
	agent := look[string](t, tab, `navigator.userAgent`)

	// Without a name nothing is sent, and the focus leads to what is missing.
	browse(t, tab, chromedp.Click(css(`button[value="green"]`)), says("Please type your name first."))
	focusIs("user")

	// By mouse or finger.
	browse(
		t, tab,
		chromedp.SendKeys(css("#user"), "Ada"),
		chromedp.Click(css(`button[value="violet"]`)),
		says("Thank you, Ada: Violet it is."),
	)

	// By keyboard alone: a new page, Tab to the name, Enter leads to the colours, Tab to the second, Space picks it.
	browse(t, tab, chromedp.Navigate(r.url), chromedp.KeyEvent(kb.Tab))
	focusIs("user")
	browse(t, tab, chromedp.KeyEvent("Grace & Zoë"), chromedp.KeyEvent(kb.Enter))
	focusIs("red")
	browse(t, tab, chromedp.KeyEvent(kb.Tab))
	focusIs("orange")
	outline := look[string](t, tab, `getComputedStyle(document.activeElement).outlineStyle + " " + getComputedStyle(document.activeElement).outlineWidth`)
	if outline != "solid 3px" {
		t.Errorf("the focus is shown by %q", outline)
	}
	browse(t, tab, chromedp.KeyEvent(" "), says("Thank you, Grace & Zoë: Orange it is."))

	events := readEvents(t, broker, 2)
	for user, color := range map[string]string{"Ada": "violet", "Grace & Zoë": "orange"} {
		if e := events[user]; e.ColorName != color || e.UserAgent != agent {
			t.Errorf("event of %s: %+v, want %s by %s", user, e, color, agent)
		}
	}
	if len(events) != 2 {
		t.Errorf("events %+v", events)
	}
}

// A person is told what went wrong, in words, and can go on.
func TestBrowserShowsTrouble(t *testing.T) {
	tests := []struct {
		name   string
		before func(*running)
		user   string
		want   string
	}{
		{
			"buffer full", func(r *running) { r.pick("somebody", "red") }, "Ada",
			"Very many people are picking just now. Please pick Blue again in 2 seconds.",
		},
		{"refused", func(*running) {}, "A\u0085da", "Blue could not be sent: user contains a control character."},
		{
			"service gone", func(r *running) { _ = r.stop() }, "Ada",
			"Blue could not be sent. Please check your connection and pick again.",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := startService(t, local(freePort(t)), func(s *settings) { s.bufferEvents, s.shutdownTimeout = 1, 50*time.Millisecond })
			tab := startBrowser(t)
			browse(t, tab, chromedp.Navigate(r.url), chromedp.WaitReady(css("#user")))
			tt.before(r)
			browse(t, tab, chromedp.SetValue(css("#user"), tt.user), chromedp.Click(css(`button[value="blue"]`)), says(tt.want))
			if kind := look[string](t, tab, `document.getElementById("message").dataset.kind`); kind != "error" {
				t.Errorf("shown as %q", kind)
			}
		})
	}
}

// The page fits phones and desktops, light and dark, and every control has a name for those who cannot see it.
func TestPageFitsScreens(t *testing.T) {
	const controls = `[...document.querySelectorAll("button[value], input")]`
	r := startService(t, local(freePort(t)), func(s *settings) { s.shutdownTimeout = 50 * time.Millisecond })
	tab := startBrowser(t)
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"small", 320, 568}, {"phone", 390, 844}, {"desktop", 1280, 800}} {
		for _, scheme := range []string{"light", "dark"} {
			browse(
				t, tab,
				chromedp.EmulateViewport(size.width, size.height),
				prefer("prefers-color-scheme", scheme, "prefers-reduced-motion", "reduce"),
				chromedp.Navigate(r.url),
				chromedp.SendKeys(css("#user"), "Ada Lovelace"),
				chromedp.Click(css(`button[value="teal"]`)),
				says("Thank you, Ada Lovelace: Teal it is."),
			)
			overflow := look[int](t, tab, `document.documentElement.scrollWidth - innerWidth`)
			nameless := look[int](t, tab, controls+`.filter(e => !(e.labels?.[0]?.textContent || e.textContent).trim()).length`)
			hidden := look[bool](t, tab, `(r => r.top < 0 || r.bottom > innerHeight)(document.getElementById("message").getBoundingClientRect())`)
			if hidden {
				t.Errorf("%s %s: the answer is out of sight", size.name, scheme)
			}
			tiny := look[int](t, tab, controls+`.filter(e => {
				const r = e.getBoundingClientRect(); return r.width < 44 || r.height < 44; }).length`)
			if overflow > 0 || nameless > 0 || tiny > 0 {
				t.Errorf("%s %s: %d pixels too wide, %d controls without a name, %d too small for a finger", size.name, scheme, overflow, nameless, tiny)
			}
			if *pictures == "" {
				continue
			}
			picture, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(*pictures, fmt.Sprintf("page-%s-%s.png", size.name, scheme)), picture, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// css selects by a CSS selector.
func css(selector string) chromedp.CSS { return chromedp.CSS(selector) }

// prefer sets media features, given as name and value by turns.
func prefer(pairs ...string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		var features []*emulation.MediaFeature
		for i := 0; i < len(pairs); i += 2 {
			features = append(features, &emulation.MediaFeature{Name: pairs[i], Value: pairs[i+1]})
		}
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return chromedp.Void{}, err
	}
}
