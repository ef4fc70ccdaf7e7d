using System.Text;
using System.Text.Json;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Protocol;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Lab.Devices;

namespace StreamRnn.Lab.Chaos;

/// <summary>
/// A consumer of the outputs over MQTTnet's client that does what consumers are told to do: its session lasts, it connects again, and it drops
/// repeats by topic and n.
/// </summary>
internal sealed class ChaosReader : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(0.05);

    private readonly Dictionary<(string Topic, long N), string> _outputs = [];
    private readonly MqttClientOptions _options;
    private readonly List<string> _differences = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _run;
    private volatile bool _isReady;
    private long _repeats;
    private long _forecasts;

    public ChaosReader(BrokerAddress broker)
    {
        _options = DeviceClient.Options(broker, $"chaos-reader-{Environment.ProcessId}").WithSessionExpiryInterval(3600).Build();
        _run = Task.Run(RunAsync);
    }

    /// <summary>Different forecasts so far.</summary>
    public long ForecastCount => Interlocked.Read(ref _forecasts);

    /// <summary>Outputs that came again, with the same content.</summary>
    public long RepeatCount => Interlocked.Read(ref _repeats);

    /// <summary>True when its subscription is acknowledged.</summary>
    public bool IsReady => _isReady;

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

    public void Dispose()
    {
        _stop.Cancel();
        _run.GetAwaiter().GetResult();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            // A client for each connection: one that is used again acknowledges on the new connection what came over the old one.
            using IMqttClient client = new MqttClientFactory().CreateMqttClient();
            TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
            client.ApplicationMessageReceivedAsync += message =>
            {
                Take(message.ApplicationMessage);
                return Task.CompletedTask;
            };
            client.DisconnectedAsync += _ =>
            {
                ended.TrySetResult();
                return Task.CompletedTask;
            };
            try
            {
                MqttClientConnectResult connack = await client.ConnectAsync(_options, _stop.Token).ConfigureAwait(false);
                if (connack.ResultCode == MqttClientConnectResultCode.Success)
                {
                    foreach (string output in (string[])["forecast", "anomaly"])
                        await client.SubscribeAsync($"streamrnn/chaos/+/+/{output}", MqttQualityOfServiceLevel.AtLeastOnce, _stop.Token).ConfigureAwait(false);
                    _isReady = true;
                    await ended.Task.WaitAsync(_stop.Token).ConfigureAwait(false);
                }
            }
            catch (Exception e) when (e is MqttCommunicationException or OperationCanceledException)
            {
                // The broker is not there, or no more.
            }
            _isReady = false;
            await Task.Delay(Pause, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Take(MqttApplicationMessage message)
    {
        string topic = message.Topic, payload = Encoding.UTF8.GetString(message.Payload);
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
    }
}
