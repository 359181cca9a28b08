package main

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/api/client"
)

// TestClient calls every method of the client against a worker.
func TestClient(t *testing.T) {
	d := startDev(t)
	c, err := client.New(client.Config{URLs: []string{"http://127.0.0.1:1", d.url}}) // nobody listens on the first
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for !ok() {
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatal("waiting for ", what)
			}
		}
	}

	const name = "büro 1 + ~"
	d.produce("events", "a", "b", "c")
	server, err := c.Server(ctx)
	if check("server", err); server.KafkaClusterID == "" {
		t.Errorf("server %v", server)
	}
	until("a healthy worker", func() bool { h, err := c.Health(ctx); return err == nil && h.Status == "healthy" })

	plugins, err := c.Plugins(ctx, true)
	if check("plugins", err); len(plugins) == 0 || plugins[0].Type != "sink" {
		t.Fatalf("plugins %v", plugins)
	}
	keys, err := c.PluginConfig(ctx, plugins[0].Class, "")
	if check("keys", err); !slices.ContainsFunc(keys, func(k api.ConfigKeyInfo) bool { return k.Name == "file" }) {
		t.Errorf("keys %v", keys)
	}
	config := map[string]string{
		"connector.class": plugins[0].Class, "topics": "events", "file": filepath.Join(t.TempDir(), "out.txt"),
		"value.converter": "org.apache.kafka.connect.storage.StringConverter",
	}
	infos, err := c.Validate(ctx, plugins[0].Class, map[string]string{"connector.class": plugins[0].Class, "name": "x"})
	if check("validate", err); infos.ErrorCount == 0 {
		t.Error("a configuration without topics is valid")
	}

	info, err := c.Create(ctx, api.CreateRequest{Name: name, Config: config, InitialState: api.Stopped})
	if check("create", err); info.Name != name {
		t.Errorf("created %v", info)
	}
	if _, err := c.Create(ctx, api.CreateRequest{Name: name, Config: config}); !client.IsConflict(err) || client.IsRebalancing(err) {
		t.Errorf("created twice: %v", err)
	}
	if _, err := c.Create(ctx, api.CreateRequest{Name: "other", Config: map[string]string{}}); !client.IsInvalid(err) {
		t.Errorf("created of nothing: %v", err)
	}
	names, err := c.Connectors(ctx)
	if check("list", err); !slices.Equal(names, []string{name}) {
		t.Errorf("connectors %v", names)
	}
	at := int64(1)
	_, err = c.AlterOffsets(ctx, name, []api.PartitionOffset{{Topic: "events", Partition: 0, Offset: &at}})
	check("alter offsets", err)
	offsets, err := c.Offsets(ctx, name)
	if check("offsets", err); len(offsets) != 1 || *offsets[0].Offset != 1 {
		t.Errorf("offsets %v", offsets)
	}
	_, err = c.ResetOffsets(ctx, name)
	check("reset offsets", err)

	check("resume", c.Resume(ctx, name))
	task := api.TaskID{Connector: name, Task: 0}
	state := func(want string) func() bool {
		return func() bool { s, err := c.TaskStatus(ctx, task); return err == nil && s.State == want }
	}
	until("a running task", state("RUNNING"))
	d.written(config["file"], "a\nb\nc\n")
	until("a topic", func() bool {
		topics, err := c.Topics(ctx, name)
		return err == nil && slices.Equal(topics, []string{"events"})
	})
	check("reset topics", c.ResetTopics(ctx, name))

	got, err := c.Connector(ctx, name)
	if check("connector", err); len(got.Tasks) != 1 || got.Tasks[0] != task {
		t.Errorf("connector %v", got)
	}
	tasks, err := c.Tasks(ctx, name)
	if check("tasks", err); len(tasks) != 1 || tasks[0].Config["file"] != config["file"] {
		t.Errorf("tasks %v", tasks)
	}
	status, err := c.Status(ctx, name)
	if check("status", err); status.Type != "sink" {
		t.Errorf("status %v", status)
	}
	all, err := c.Expanded(ctx, client.WithInfo)
	if check("expanded", err); all[name].Info == nil || all[name].Status != nil {
		t.Errorf("expanded %v", all)
	}

	config["tasks.max"] = "2"
	_, created, err := c.PutConfig(ctx, name, config)
	if check("put", err); created {
		t.Error("a change is a creation")
	}
	one := "1"
	_, err = c.PatchConfig(ctx, name, map[string]*string{"tasks.max": &one, "errors.log.enable": nil})
	check("patch", err)
	stored, err := c.Config(ctx, name)
	if check("config", err); stored["tasks.max"] != "1" {
		t.Errorf("config %v", stored)
	}

	check("pause", c.Pause(ctx, name))
	until("a paused task", state("PAUSED"))
	check("resume", c.Resume(ctx, name))
	until("a running task", state("RUNNING"))
	status, err = c.Restart(ctx, name, api.RestartOptions{IncludeTasks: true})
	if check("restart", err); status.Connector.State != "RESTARTING" {
		t.Errorf("restart %v", status)
	}
	until("a running task", state("RUNNING"))
	check("restart a task", c.RestartTask(ctx, task))
	if err := c.RestartTask(ctx, api.TaskID{Connector: name, Task: 9}); !client.IsNotFound(err) {
		t.Errorf("restart of no task: %v", err)
	}

	_, err = c.SetLogger(ctx, "sluice.task", "DEBUG", false)
	check("set logger", err)
	level, err := c.Logger(ctx, "sluice.task")
	if check("logger", err); level.Level != "DEBUG" {
		t.Errorf("logger %v", level)
	}
	levels, err := c.Loggers(ctx)
	if check("loggers", err); levels["sluice.task"].Level != "DEBUG" {
		t.Errorf("loggers %v", levels)
	}

	check("stop", c.Stop(ctx, name))
	check("delete", c.Delete(ctx, name))
	if _, err := c.Status(ctx, name); !client.IsNotFound(err) {
		t.Errorf("status of what was deleted: %v", err)
	}
}
