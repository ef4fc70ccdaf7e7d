using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Faults;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>A broker that sends what no broker should is left, counted, and tried again until it has come to its senses.</summary>
[Collection(RealProcesses.Name)]
[Trait("speed", "slow")]
public sealed class HostileBrokerTests(MosquittoBroker mosquitto) : IClassFixture<MosquittoBroker>
{
    private static readonly byte[] Welcome = [0x20, 3, 0, 0, 0];

    public static TheoryData<string> Misdeeds => new(Sent.Keys);

    /// <summary>What comes after CONNECT, and what is said of it. What does not break MQTT ends the connection or, last of all, does not.</summary>
    private static Dictionary<string, (byte[] Bytes, bool Violates)> Sent { get; } = new()
    {
        ["nothing"] = ([], false),
        ["half a CONNACK"] = ([0x20], false),
        ["that it is busy"] = ([0x20, 3, 0, 0x89, 0], false),
        ["another protocol"] = (Encoding.ASCII.GetBytes("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), true),
        ["zeros"] = (new byte[5000], true),
        ["a CONNACK with an endless length"] = ([0x20, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], true),
        ["a CONNACK with rubbish for properties"] = ([0x20, 6, 0, 0, 3, 0xEE, 1, 2], true),
        ["a PUBLISH before CONNACK"] = ([0x30, 4, 0, 1, (byte)'a', (byte)'1'], true),
        ["two CONNACKs"] = ([.. Welcome, .. Welcome], true),
        ["noise after CONNACK"] = ([.. Welcome, .. Noise(4096)], true),
        ["a packet of 256 MB"] = ([.. Welcome, 0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, (byte)'a'], true),
        ["a PUBLISH at QoS 3"] = ([.. Welcome, 0x36, 7, 0, 1, (byte)'a', 0, 1, 0, (byte)'1'], true),
        ["a PUBLISH to a wildcard"] = ([.. Welcome, 0x30, 5, 0, 1, (byte)'#', 0, (byte)'1'], true),
        ["an alias that was never given"] = ([.. Welcome, 0x30, 7, 0, 0, 3, 0x23, 0, 9, (byte)'1'], true),
        ["a client's packet"] = ([.. Welcome, 0xC0, 0], true),
    };

    [Theory, MemberData(nameof(Misdeeds))]
    public void It_is_left_and_tried_again(string misdeed)
    {
        const int Meetings = 6;
        (byte[] bytes, bool violates) = Sent[misdeed];
        Action<Socket>[] script = [.. Enumerable.Range(1, Meetings).Select<int, Action<Socket>>(meeting => socket =>
        {
            socket.Send(bytes);
            if (violates || meeting == Meetings)
                WaitUntilLeft(socket);
        })];
        using FaultyBroker broker = new(mosquitto.Port, script);
        using WorkerInProcess worker = WorkerInProcess.Connecting(broker.Port, "hostile/#", clock: new HurriedClock(20));
        Wait.Until(() => broker.Left == 0 && worker.Worker.IsReady, "the worker has connected at last");

        using MqttPeer device = new(mosquitto.Port);
        device.Publish("hostile/a", "1");
        device.Drain();
        Wait.Until(() => worker.Worker.Engine.Published == 1, "a tick is stepped");

        Assert.Equal(0, worker.Worker.Faults.Total);   // no tick was refused: the bytes of a link are not a device's
        string[] lines = worker.Log.AtLeast(LogLevel.Warning);
        Assert.Equal(2, lines.Count(line => line.Contains("is gone", StringComparison.Ordinal) || line.Contains("refuses the connection", StringComparison.Ordinal)));   // one for each of the worker's connections
        Assert.Equal(violates ? 2 : 0, lines.Count(line => line.Contains("sent what is not MQTT", StringComparison.Ordinal) || line.Contains("this is a web port", StringComparison.Ordinal)));
        Assert.Equal(lines.Distinct(), lines);
    }

    private static void WaitUntilLeft(Socket socket)
    {
        while (socket.Receive(new byte[4096]) > 0)
        {
        }
    }

    private static byte[] Noise(int length)
    {
        byte[] noise = new byte[length];
        new Random(20260401).NextBytes(noise);
        return noise;
    }
}
