using System.Net;
using StreamRnn.Engine;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Lab.Devices;

namespace StreamRnn.Worker.Demo;

/// <summary>Six devices of different makes, each with its own connection and thread, that play a real recording each.</summary>
internal sealed class DemoDevices : IDisposable
{
    /// <summary>Devices of the demo: recording, topic and payload form, each one that the worker reads without configuration.</summary>
    private static readonly Device[] Devices =
    [
        new("machine_temperature_system_failure", "factory/press", PayloadForm.Json, ["temperature"]),
        new("nyc_taxi", "tele/taxi/SENSOR", PayloadForm.Nested, ["NYC", "Passengers"]),
        new("ambient_temperature_system_failure", "office/climate", PayloadForm.SenMl, ["temperature"]),
        new("ec2_request_latency_system_failure", "cloud/server", PayloadForm.Json, ["value"]),
        new("elb_request_count_8c0756", "cloud/balancer", PayloadForm.Json, ["requests"]),
        new("speed_7578", "road/7578", PayloadForm.Json, ["speed"]),
    ];

    private readonly List<(Device Device, DeviceClient Client)> _connected = [];
    private readonly List<Thread> _threads = [];
    private readonly List<RecordingPlayer> _players = [];
    private int _playing;

    private DemoDevices()
    {
    }

    /// <summary>True while a recording is being played.</summary>
    public bool ArePlaying => Volatile.Read(ref _playing) > 0;

    /// <summary>Readings published so far.</summary>
    public long Published => _players.Sum(player => player.Published);

    /// <exception cref="CommandFailedException">The broker does not answer.</exception>
    public static DemoDevices Connect(IPEndPoint broker, CancellationToken stop)
    {
        BrokerAddress address = BrokerAddress.Parse(broker.Address.ToString(), broker.Port);
        DemoDevices devices = new();
        foreach (Device device in Devices)
        {
            devices._connected.Add((device, DeviceClient.Connect(
                address, DeviceClient.Options(address, "demo-" + device.Recording).WithSessionExpiryInterval(0).Build(), stop)));
        }
        return devices;
    }

    /// <param name="rate">Readings per second of each.</param>
    public void Start(double rate, CancellationToken stop)
    {
        string samples = Path.Combine(AppContext.BaseDirectory, "samples");
        foreach ((Device device, DeviceClient client) in _connected)
        {
            CsvRecording recording = CsvRecording.Open(Path.Combine(samples, device.Recording + ".csv"));
            RecordingPlayer player = new(client, qos: 1, rate);
            _players.Add(player);
            _threads.Add(new Thread(() =>
            {
                using (recording)
                    player.Play(recording, new DevicePayload(device.Form, [device.Path]), [device.Topic], long.MaxValue, stop);
                Interlocked.Decrement(ref _playing);
            })
            { Name = device.Topic, IsBackground = true });
        }
        _playing = _threads.Count;
        foreach (Thread thread in _threads)
            thread.Start();
    }

    /// <summary>Waits until the players have ended and the broker has confirmed every reading.</summary>
    public bool Finish(TimeSpan patience)
    {
        foreach (Thread thread in _threads)
            thread.Join();
        return _connected.TrueForAll(connected => connected.Client.Drain(patience));
    }

    public void Dispose()
    {
        foreach ((_, DeviceClient client) in _connected)
            client.Dispose();
    }

    private sealed record Device(string Recording, string Topic, PayloadForm Form, string[] Path);
}
