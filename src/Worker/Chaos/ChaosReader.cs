using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Mqtt;
using StreamRnn.Ingest.Mqtt.Client;

namespace StreamRnn.Worker.Chaos;

/// <summary>A consumer of the outputs that does what consumers are told to do: it drops repeats by topic and n.</summary>
internal sealed class ChaosReader : IDisposable
{
    private readonly Dictionary<(string Topic, long N), string> _outputs = [];
    private readonly BrokerLink _client;
    private readonly List<string> _differences = [];
    private long _repeats;
    private long _forecasts;

    public ChaosReader(BrokerAddress broker)
    {
        _client = new BrokerLink(
            new BrokerLinkOptions
            {
                Host = broker.Host,
                ClientId = $"chaos-reader-{Environment.ProcessId}",
                SessionExpiry = TimeSpan.FromHours(1),
                Subscriptions = [new MqttSubscription("streamrnn/chaos/+/+/forecast"), new MqttSubscription("streamrnn/chaos/+/+/anomaly")],
                MinimumPause = TimeSpan.FromSeconds(0.02),
                MaximumPause = TimeSpan.FromSeconds(0.1),
            }.At(broker),
            Take, NullLogger.Instance);
        _client.Start();
    }

    /// <summary>Different forecasts so far.</summary>
    public long ForecastCount => Interlocked.Read(ref _forecasts);

    /// <summary>Outputs that came again, with the same content.</summary>
    public long RepeatCount => Interlocked.Read(ref _repeats);

    /// <summary>Whether its subscription stands.</summary>
    public bool IsReady => _client.State == BrokerLinkState.Ready;

    /// <summary>Outputs that came again with another content.</summary>
    public IReadOnlyList<string> Differences
    {
        get
        {
            lock (_outputs)
                return [.. _differences];
        }
    }

    public IReadOnlyDictionary<(string Topic, long N), string> Outputs
    {
        get
        {
            lock (_outputs)
                return new Dictionary<(string Topic, long N), string>(_outputs);
        }
    }

    public void Dispose() => _client.Dispose();

    private void Take(in MqttPublish publish, in MqttPublishContext context)
    {
        string topic = Encoding.UTF8.GetString(publish.Topic), payload = Encoding.UTF8.GetString(publish.Payload);
        using JsonDocument json = JsonDocument.Parse(payload);
        (string Topic, long N) key = (topic, json.RootElement.GetProperty("n").GetInt64());
        lock (_outputs)
        {
            if (_outputs.TryAdd(key, payload))
                _forecasts += topic.EndsWith("/forecast", StringComparison.Ordinal) ? 1 : 0;
            else if (_outputs[key] == payload)
                _repeats++;
            else
                _differences.Add($"{topic} n={key.N} came as {_outputs[key]} and as {payload}");
        }
        if (publish.Qos > 0)
            context.Ledger.TryOpen(publish.PacketId, publish.Qos, tickCount: 0);
    }
}
