using System.Globalization;
using System.Text;
using StreamRnn.Engine;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Lab.Devices;

namespace StreamRnn.Lab.Chaos;

/// <summary>
/// Two devices that play a real recording on 200 streams, one at QoS 1 and one at QoS 2. Each message has a distinct time, so that its
/// meaning does not depend on its arrival. Of every ten streams of a device one is out of order, one has late ticks, and one is numbered
/// and sends some messages twice, each time as a new message.
/// </summary>
internal sealed class ChaosDevices : IDisposable
{
    public const int Streams = 200;

    /// <summary>Settings under <c>Rules</c> for the streams that need them.</summary>
    public static readonly IReadOnlyList<(string Key, string Value)> Rules =
    [
        ("0__Pattern", "chaos/shuffled/+"), ("0__Late", "Reorder"), ("0__LateBound", $"{SecondsApart * HeldRounds}s"),
        ("1__Pattern", "chaos/late/+"), ("1__Late", "Drop"),
        ("2__Pattern", "chaos/numbered/+"), ("2__Once", "Sequence"),
    ];

    private const int SecondsApart = 300;
    private const int HeldRounds = 2;
    private const int LateEvery = 7;

    // Less than a session of the embedded broker holds for a reader that is slow: 10,000 messages.
    private const int RoundsAhead = 25;

    private static readonly double[] Values = Read();

    private readonly object _lock = new();
    private readonly (DeviceClient Client, byte Qos)[] _devices;
    private readonly Thread[] _threads;
    private readonly int _rounds;
    private readonly Func<long> _received;
    private int _allowed;
    private bool _stopped;

    /// <param name="rounds">Ticks of each stream.</param>
    /// <param name="received">Forecasts that have arrived: the devices do not run away from whoever reads them.</param>
    public ChaosDevices(BrokerAddress broker, int rounds, Func<long> received)
    {
        (_rounds, _received) = (rounds, received);
        _devices = [.. new byte[] { 1, 2 }.Select(qos => (Connect(broker, qos), qos))];
        _threads = [.. _devices.Select(device => new Thread(() => Play(device.Client, device.Qos)) { IsBackground = true, Name = $"device {device.Qos}" })];
        foreach (Thread thread in _threads)
            thread.Start();
    }

    /// <summary>Forecasts that follow from all of it.</summary>
    public long ForecastCount => Enumerable.Range(0, Streams).Sum(stream => (long)(KindOf(stream) switch
    {
        Kind.Shuffled => _rounds - HeldRounds,
        Kind.Late => _rounds - (_rounds / LateEvery),
        _ => _rounds,
    }));

    /// <summary>Lets the devices play up to a round.</summary>
    public void Allow(int rounds)
    {
        lock (_lock)
        {
            _allowed = Math.Max(_allowed, Math.Min(rounds, _rounds));
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Waits until the last message has been confirmed.</summary>
    /// <exception cref="CommandFailedException">The broker does not confirm.</exception>
    public void Finish(TimeSpan patience)
    {
        Allow(_rounds);
        foreach (Thread thread in _threads)
            thread.Join();
        foreach ((DeviceClient client, byte qos) in _devices)
        {
            int open;
            do
                open = client.UnconfirmedCount;
            while (!client.Drain(patience) && client.UnconfirmedCount < open);   // as long as it takes, while some are confirmed
            if (client.DroppedCount + client.RejectedCount is > 0 and long lost)
                throw new CommandFailedException($"the device at QoS {qos} gave {lost} messages up: this run proves nothing");
            if (client.UnconfirmedCount > 0)
                throw new CommandFailedException($"{client.UnconfirmedCount} messages at QoS {qos} were not confirmed within {patience.TotalSeconds:0} s ({client.LastFailure ?? "silence"})");
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _stopped = true;
            Monitor.PulseAll(_lock);
        }
        foreach ((DeviceClient client, _) in _devices)
            client.Dispose();
    }

    private static DeviceClient Connect(BrokerAddress broker, byte qos) =>
        new(DeviceClient.Options(broker, $"chaos-device-{Environment.ProcessId}-{qos}").WithSessionExpiryInterval(3600).Build())
        {
            Pause = TimeSpan.FromSeconds(0.05),
            Patience = Timeout.InfiniteTimeSpan,   // whoever runs them sees what is missing
        };

    private static double[] Read()
    {
        using CsvRecording recording = CsvRecording.Open(Path.Combine(AppContext.BaseDirectory, "samples", "machine_temperature_system_failure.csv"));
        List<double> values = [];
        while (recording.TryRead())
        {
            if (recording.TryGetValue(0, out double value) == TickFault.None)
                values.Add(value);
        }
        return [.. values];
    }

    private void Play(DeviceClient client, byte qos)
    {
        for (int round = 0; round < _rounds && TryWait(round); round++)
        {
            for (int stream = qos - 1; stream < Streams; stream += 2)
            {
                Kind kind = KindOf(stream);
                int sent = RoundSent(kind, round);
                string topic = string.Create(CultureInfo.InvariantCulture, $"chaos/{NameOf(kind)}/{stream}");
                byte[] payload = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
                    $$"""{"ts":{{1_767_225_600 + (sent * SecondsApart)}},{{(kind == Kind.Numbered ? $"\"seq\":{sent}," : "")}}"value":{{Values[(sent + stream * 101) % Values.Length]}}}"""));
                try
                {
                    for (int times = kind == Kind.Numbered && round % 4 == 3 ? 2 : 1; times > 0; times--)
                        client.Publish(topic, payload, qos);
                }
                catch (ObjectDisposedException)
                {
                    return;
                }
            }
        }
    }

    private enum Kind
    {
        Plain,
        Shuffled,
        Late,
        Numbered,
    }

    /// <summary>Kind of a stream; each device has some of each.</summary>
    private static Kind KindOf(int stream) => (stream / 2 % 10) switch { 3 => Kind.Shuffled, 5 => Kind.Late, 7 => Kind.Numbered, _ => Kind.Plain };

    private static string NameOf(Kind kind) => kind switch { Kind.Shuffled => "shuffled", Kind.Late => "late", Kind.Numbered => "numbered", _ => "plain" };

    /// <summary>Index of the tick that is sent in a round: of pairs the second first, or now and then the previous one.</summary>
    private int RoundSent(Kind kind, int round) => kind switch
    {
        Kind.Shuffled => Math.Min(round ^ 1, _rounds - 1),
        Kind.Late when round % LateEvery == LateEvery - 1 => round - 3,
        _ => round,
    };

    private bool TryWait(int round)
    {
        lock (_lock)
        {
            while ((_allowed <= round || _received() * _rounds / ForecastCount + RoundsAhead < round) && !_stopped)
                Monitor.Wait(_lock, millisecondsTimeout: 10);
            return !_stopped;
        }
    }
}
