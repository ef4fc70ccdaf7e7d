using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Mqtt.Broker;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;

namespace StreamRnn.Engine.Tests.Telemetry;

[Collection(ListensToTheProcess.Name)]
public class WorkerMetricsTests
{
    [Fact]
    public void Every_instrument_has_a_unit_and_a_description()
    {
        using Recorder recorder = new();
        using WorkerMetrics metrics = new();
        metrics.ObserveIntake(() => 0, _ => 0);
        metrics.ObserveStreams(() => 0);
        metrics.ObserveState(() => 0);
        metrics.ObserveQueues([() => 0]);
        metrics.ObserveConnection("mqtt", () => true);
        metrics.ObserveClients();
        using MqttBroker broker = new(new MqttBrokerOptions());
        metrics.ObserveBroker(broker);

        Assert.NotEmpty(recorder.Instruments);
        Assert.All(recorder.Instruments, instrument =>
        {
            Assert.StartsWith("streamrnn.", instrument.Name);
            Assert.False(string.IsNullOrEmpty(instrument.Unit), instrument.Name);
            Assert.EndsWith(".", instrument.Description);
        });
    }

    [Fact]
    public void Every_histogram_has_buckets_of_its_own()
    {
        using Recorder recorder = new();
        using WorkerMetrics metrics = new();

        Histogram<double>[] histograms = [.. recorder.Instruments.OfType<Histogram<double>>()];
        Assert.Equal(3, histograms.Length);
        Assert.All(histograms, histogram => Assert.NotEmpty(histogram.Advice!.HistogramBucketBoundaries!));
    }

    [Fact]
    public void Every_reason_of_refusal_has_a_tag_in_snake_case()
    {
        using Recorder recorder = new();
        using WorkerMetrics metrics = new();

        metrics.ObserveIntake(() => 0, fault => (long)fault);
        recorder.Collect();

        object?[] reasons = [.. recorder.Measurements.Where(measurement => measurement.Tags.Count > 0).Select(measurement => measurement.Tags["reason"])];
        Assert.Contains("malformed_json", reasons);
        Assert.Contains("queue_full", reasons);
        Assert.Equal(reasons.Length, reasons.Distinct().Count());
        Assert.All(reasons, reason => Assert.Matches("^[a-z]+(_[a-z]+)*$", (string)reason!));
    }

    [Fact]
    public void The_sums_of_links_and_broker_close()
    {
        using Recorder recorder = new();
        using WorkerMetrics metrics = new();
        using MqttBroker broker = new(new MqttBrokerOptions { Port = 0 });
        broker.Start();
        using BrokerLink client = new(new BrokerLinkOptions { Host = "127.0.0.1", Port = broker.EndPoint!.Port, ClientId = "sums" }, null, NullLogger.Instance);
        metrics.ObserveBroker(broker);
        metrics.ObserveClients(("mqtt_out", client));
        client.Start();
        for (int i = 0; i < 5; i++)
            client.Publish(new MqttPublish { Topic = "plant/pump"u8, Payload = "1"u8, Qos = 1 });
        Assert.True(SpinWait.SpinUntil(() => client.State == BrokerLinkState.Ready, TimeSpan.FromSeconds(30)), "the client connects");
        Assert.True(client.Drain(TimeSpan.FromSeconds(30)), "the broker confirms");
        recorder.Collect();

        double Link(string name) => recorder.Values("streamrnn.messages." + name, "link", "mqtt_out").Sum();
        Assert.Equal(5, Link("published"));
        Assert.Equal(Link("published"), Link("confirmed") + Link("rejected") + Link("unconfirmed"));
        Assert.Equal(0, Link("dropped"));
        Assert.Equal([0], recorder.Values("streamrnn.messages.rejected", "code", "0x87"));
        Assert.Equal(5, recorder.Total("streamrnn.broker.messages.received"));
        Assert.Equal(recorder.Total("streamrnn.broker.connections.accepted"),
            recorder.Total("streamrnn.broker.connections") + recorder.Total("streamrnn.broker.connections.closed"));
        Assert.Equal([0], recorder.Values("streamrnn.broker.messages.dropped", "reason", "queue_full"));
        Assert.Equal([0], recorder.Values("streamrnn.broker.connections.closed", "reason", "taken_over"));
    }

    [Fact]
    public void Without_a_listener_nobody_takes_a_stamp()
    {
        using WorkerMetrics metrics = new();
        Assert.Equal(0, metrics.Stamp());

        using Recorder recorder = new();
        using WorkerMetrics heard = new();
        Assert.NotEqual(0, heard.Stamp());
    }

    [Fact]
    public void A_step_counts_its_ticks_under_its_shard_and_is_timed_only_when_stamped()
    {
        using Recorder recorder = new();
        using WorkerMetrics metrics = new();
        metrics.ObserveQueues([() => 3, () => 5]);

        metrics.StepCompleted(shard: 1, ticks: 64, startedAt: 0);
        metrics.StepCompleted(shard: 1, ticks: 8, metrics.Stamp());
        recorder.Collect();

        Assert.Equal([64, 8], recorder.Values("streamrnn.ticks.stepped", "shard", 1));
        Assert.Single(recorder.Values("streamrnn.step.duration", "shard", 1));
        Assert.Equal([5], recorder.Values("streamrnn.queue.depth", "shard", 1));
    }

    [Fact]
    public void Counting_allocates_nothing()
    {
        using Recorder recorder = new(keep: false);
        using WorkerMetrics metrics = new();
        metrics.ObserveQueues([() => 0, () => 0]);
        Assert.Equal(0, Allocations.Least(1000, () => CountOnce(metrics)));
    }

    private static void CountOnce(WorkerMetrics metrics)
    {
        long stamp = metrics.Stamp();
        metrics.TicksTaken(1, stamp);
        metrics.StepCompleted(1, 3, stamp);
        metrics.ForecastsPublished("mqtt", 3);
        metrics.ForecastsDropped("mqtt", "offline", 1);
        metrics.ForecastReady(stamp);
        metrics.AnomaliesFound(1);
    }

    /// <summary>Hears the meters made on this thread after it.</summary>
    private sealed class Recorder : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly bool _keep;
        private bool _started;
        private readonly int _thread = Environment.CurrentManagedThreadId;

        public Recorder(bool keep = true)
        {
            _keep = keep;
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                // Tests run side by side, and each meter bears the same name: only those made here and from now on.
                if (!_started || instrument.Meter.Name != WorkerMetrics.Name || Environment.CurrentManagedThreadId != _thread)
                    return;
                Instruments.Add(instrument);
                listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>(Record);
            _listener.SetMeasurementEventCallback<int>(Record);
            _listener.SetMeasurementEventCallback<double>(Record);
            _listener.Start();
            _started = true;
        }

        public List<Instrument> Instruments { get; } = [];

        public List<(string Name, double Value, Dictionary<string, object?> Tags)> Measurements { get; } = [];

        public void Collect() => _listener.RecordObservableInstruments();

        public double[] Values(string name, string key, object value) =>
            [.. Measurements.Where(m => m.Name == name && value.Equals(m.Tags.GetValueOrDefault(key))).Select(m => m.Value)];

        public double Total(string name) => Measurements.Where(m => m.Name == name).Sum(m => m.Value);

        public void Dispose() => _listener.Dispose();

        private void Record<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
            where T : IConvertible
        {
            if (_keep)
                Measurements.Add((instrument.Name, value.ToDouble(null), tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value)));
        }
    }
}
