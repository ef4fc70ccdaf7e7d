using System.Globalization;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>Clients whose sessions last, against a worker with an embedded broker that is killed again and again under them.</summary>
[Collection(RealProcesses.Name)]
[Trait("speed", "slow")]
public sealed class SessionKillTests : IDisposable
{
    private const int Streams = 10, Rounds = 4, TicksPerRound = 50;

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"streamrnn-{Guid.NewGuid():n}");

    public void Dispose()
    {
        if (Directory.Exists(_folder))
            Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Every_tick_steps_once_at_QoS_1_and_2_and_a_reader_finds_every_forecast()
    {
        string[] undisturbed;
        using (WorkerInProcess worker = WorkerInProcess.Embedded())
        {
            using MqttPeer peer = new(worker.Port, "streamrnn/+/+/forecast");
            Play(peer, peer, 0, Rounds * TicksPerRound);
            peer.WaitFor(Streams * Rounds * TicksPerRound, "forecasts");
            undisturbed = Distinct(peer);
        }

        int port = Ports.Free();
        string[] arguments = ["--embedded-broker", $"{port}", "--data-dir", _folder];
        WorkerProcess running = WorkerProcess.Start(arguments);
        try
        {
            using MqttPeer reader = new(port, "streamrnn/+/+/forecast"), atQos1 = new(port), atQos2 = new(port);
            for (int round = 0; round < Rounds; round++)
            {
                int before = reader.Count;
                Play(atQos1, atQos2, round * TicksPerRound, (round + 1) * TicksPerRound);
                if (round == Rounds - 1)
                    break;
                Wait.Until(() => reader.Count > before + 50 + (40 * round), "it is in the middle of it", seconds: 60);
                running.Kill();
                running.Dispose();
                running = WorkerProcess.Start(arguments);
            }
            atQos1.Drain();
            atQos2.Drain();
            Wait.Until(() => Distinct(reader).Length >= undisturbed.Length, $"{undisturbed.Length} forecasts, of which {Distinct(reader).Length} came", seconds: 60);
            Assert.Equal(undisturbed, Distinct(reader));
            Assert.Equal(0, reader.Client.SessionsLostCount + atQos1.Client.SessionsLostCount + atQos2.Client.SessionsLostCount);
        }
        finally
        {
            running.Dispose();
        }
    }

    /// <summary>Even streams go at QoS 1, odd ones at QoS 2.</summary>
    private static void Play(MqttPeer atQos1, MqttPeer atQos2, int from, int to)
    {
        for (int tick = from; tick < to; tick++)
        {
            for (int stream = 0; stream < Streams; stream++)
            {
                double value = Math.Round(20 + 5 * Math.Sin(tick * 0.1 + stream), 3);
                (stream % 2 == 0 ? atQos1 : atQos2).Publish($"plant/{stream}", string.Create(CultureInfo.InvariantCulture,
                    $$"""{"ts":{{1_767_225_600 + tick * 60}},"value":{{value}}}"""), qos: (byte)(1 + stream % 2));
            }
        }
        atQos1.Client.Flush();
        atQos2.Client.Flush();
    }

    /// <summary>Repeats dropped, as a consumer would; two forecasts of one number that differ would both be here.</summary>
    private static string[] Distinct(MqttPeer reader) =>
        [.. reader.Messages.Select(message => $"{message.Topic} {Outputs.Number(message.Payload):d6} {message.Payload}").Distinct().Order(StringComparer.Ordinal)];
}
