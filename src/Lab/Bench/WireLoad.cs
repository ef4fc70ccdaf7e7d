using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;
using System.Text.Unicode;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Engine;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Lab.Devices;

namespace StreamRnn.Lab.Bench;

/// <summary>
/// Devices and a consumer: publishes ticks of a hundred streams in turn and receives their forecasts. Stream and <c>n</c> of a forecast say
/// which tick it answers. One thread at a time plays.
/// </summary>
internal sealed class WireLoad : IDisposable
{
    private const int Streams = 100;

    /// <summary>Ticks on their way when as many as possible are sent: fewer than any broker queues for a consumer.</summary>
    private const int Window = 512;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly DeviceClient _devices;
    private readonly BrokerLink _consumer;
    private readonly byte _qos;
    private readonly string[] _topics;
    private readonly int _topicStart;   // of the stream's number in the topic of a forecast
    private readonly byte[] _payload = new byte[64];
    private readonly long[] _sentAt = new long[1 << 20];   // by tick, a ring
    private readonly List<long> _latencies = [];   // stopwatch ticks
    private readonly object _arrived = new();
    private long _sent;
    private long _received;

    public WireLoad(WireWorker worker, byte qos)
    {
        _qos = qos;
        _topics = [.. Enumerable.Range(0, Streams).Select(stream => $"{worker.Topic}/{stream}")];
        string output = $"streamrnn/{worker.Topic}/";
        _topicStart = output.Length;
        BrokerAddress broker = BrokerAddress.Parse(worker.Host, worker.Port);
        _devices = DeviceClient.Connect(broker, DeviceClient.Options(broker, worker.Topic + "-devices").WithSessionExpiryInterval(0).Build(), CancellationToken.None);
        using ManualResetEventSlim subscribed = new();
        _consumer = new BrokerLink(
            new BrokerLinkOptions
            {
                Host = worker.Host,
                Port = worker.Port,
                ClientId = worker.Topic + "-consumer",
                CleanStart = true,
                Subscriptions = [new MqttSubscription(output + "+/forecast", qos)],
            },
            Take, NullLogger.Instance)
        {
            StateChanged = state =>
            {
                if (state == BrokerLinkState.Ready)
                    subscribed.Set();
            },
        };
        _consumer.Start();
        if (!subscribed.Wait(Patience) || !worker.WaitUntilReady(Patience))
            throw new CommandFailedException($"the worker or its broker at {worker.Host}:{worker.Port} is not ready after {Patience.TotalSeconds:0} s; is the machine overloaded?");
    }

    /// <summary>Plays at the highest rate.</summary>
    public WireResult PlayFlat(double seconds) => Play(seconds, () =>
    {
        lock (_arrived)
        {
            while (_sent - _received >= Window)
                Wait();
        }
    });

    /// <summary>Ticks evenly over time.</summary>
    public WireResult PlayPaced(double rate, double seconds)
    {
        Pace pace = new(rate);
        return Play(seconds, () =>
        {
            TimeSpan early = pace.Next();
            if (early > TimeSpan.Zero)
                Thread.Sleep(TimeSpan.FromMilliseconds(Math.Ceiling(early.TotalMilliseconds)));
        });
    }

    public void Dispose()
    {
        _devices.Dispose();
        _consumer.Dispose();
    }

    private WireResult Play(double seconds, Action waitUntilDue)
    {
        lock (_arrived)
            _latencies.Clear();
        long first = _sent;
        long startedAt = Stopwatch.GetTimestamp();
        do   // at least one, however little time the machine gives
        {
            waitUntilDue();
            Send();
        }
        while (Stopwatch.GetElapsedTime(startedAt).TotalSeconds < seconds);

        lock (_arrived)
        {
            while (_received < _sent)
                Wait();
            TimeSpan took = Stopwatch.GetElapsedTime(startedAt);
            _latencies.Sort();
            return new WireResult(_sent - first, took.TotalSeconds, Quantile(0.5), Quantile(0.99));
        }
    }

    private void Send()
    {
        int stream = (int)(_sent % Streams);
        double value = 20 + stream + Math.Abs(_sent / Streams % 500 - 250) / 100.0;
        Utf8.TryWrite(_payload, CultureInfo.InvariantCulture, $"{{\"temperature\":{value:f2}}}", out int length);
        Volatile.Write(ref _sentAt[_sent % _sentAt.Length], Stopwatch.GetTimestamp());
        _sent++;
        _devices.Publish(_topics[stream], _payload.AsSpan(0, length), _qos);
    }

    private void Wait()
    {
        long before = _received;
        if (!Monitor.Wait(_arrived, Patience) && _received == before)
            throw new CommandFailedException($"{_sent - _received} of {_sent:N0} forecasts have not come within {Patience.TotalSeconds:0} s; does another client use the broker, or is the machine overloaded?");
    }

    /// <summary>A forecast, on the consumer's thread.</summary>
    private void Take(in MqttPublish publish, in MqttPublishContext context)
    {
        if (publish.Qos > 0)
            context.Ledger.TryOpen(publish.PacketId, publish.Qos, tickCount: 0);
        if (!Utf8Parser.TryParse(publish.Topic[_topicStart..], out int stream, out _) ||
            !Utf8Parser.TryParse(publish.Payload["{\"n\":"u8.Length..], out long n, out _))
            return;
        long tick = (n - 1) * Streams + stream;
        lock (_arrived)
        {
            _latencies.Add(context.ReceivedAt - Volatile.Read(ref _sentAt[tick % _sentAt.Length]));
            _received++;
            Monitor.Pulse(_arrived);
        }
    }

    private TimeSpan Quantile(double share) => Stopwatch.GetElapsedTime(0, _latencies[(int)(share * (_latencies.Count - 1))]);
}

/// <summary>Result of playing for a while.</summary>
/// <param name="P50">From before the publish until the forecast had arrived, median.</param>
internal readonly record struct WireResult(long Ticks, double Seconds, TimeSpan P50, TimeSpan P99);
