using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Mqtt;
using StreamRnn.Ingest.Mqtt.Client;

namespace StreamRnn.Benchmarks.Ingest;

/// <summary>
/// Publishes messages at QoS 1 into the session of an absent receiver on a mosquitto of its own, then drains them: CPU of this process per
/// message, each way.
/// </summary>
internal static class ClientDrain
{
    public static int Run(int messages)
    {
        string folder = Directory.CreateTempSubdirectory("streamrnn-drain-").FullName;
        int port = FreePort();
        File.WriteAllText(Path.Combine(folder, "mosquitto.conf"), $"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 1000000\nlog_type none\n");
        using Process mosquitto = Process.Start("mosquitto", ["-c", Path.Combine(folder, "mosquitto.conf")]);
        try
        {
            for (int round = 0; round < 4; round++)   // the first warms up
                Round(port, round == 0 ? Math.Min(messages, 50_000) : messages, round);
        }
        finally
        {
            mosquitto.Kill();
            mosquitto.WaitForExit();
            Directory.Delete(folder, recursive: true);
        }
        return 0;
    }

    private static void Round(int port, int messages, int round)
    {
        var options = new BrokerLinkOptions { Host = "127.0.0.1", Port = port, ClientId = $"drain-{round}", MinimumPause = TimeSpan.FromMilliseconds(20) };
        BrokerLinkOptions receiving = options with { Subscriptions = [new($"drain/{round}/#")] };
        using (var absent = new BrokerLink(receiving, null, NullLogger.Instance))
            Ready(absent);

        (TimeSpan cpu, TimeSpan wall) = Measure(() =>
        {
            using var publisher = new BrokerLink(options with { ClientId = "publisher", CleanStart = true }, null, NullLogger.Instance);
            Ready(publisher);
            byte[][] topics = [.. Enumerable.Range(0, 1000).Select(i => Encoding.UTF8.GetBytes($"drain/{round}/{i:D4}"))];
            for (int i = 0; i < messages; i++)
            {
                publisher.Publish(new MqttPublish { Topic = topics[i % 1000], Payload = "{\"ts\":1700000000000,\"temperature\":21.53,\"unit\":\"C\"}"u8, Qos = 1 });
                if (i % 200 == 199)
                    publisher.Flush();
            }
            publisher.Drain(TimeSpan.FromMinutes(2));
        });
        Report(round, "publish", messages, cpu, wall);

        int received = 0;
        (cpu, wall) = Measure(() =>
        {
            using var all = new ManualResetEventSlim();
            void Receive(in MqttPublish publish, in MqttPublishContext context)
            {
                context.Ledger.TryOpen(publish.PacketId, publish.Qos, 0);
                if (++received == messages)
                    all.Set();
            }
            using var receiver = new BrokerLink(receiving, Receive, NullLogger.Instance);
            receiver.Start();
            all.Wait(TimeSpan.FromMinutes(2));
        });
        Report(round, "drain", received, cpu, wall);
    }

    private static void Ready(BrokerLink client)
    {
        client.Start();
        SpinWait.SpinUntil(() => client.State == BrokerLinkState.Ready, TimeSpan.FromSeconds(10));
    }

    private static (TimeSpan Cpu, TimeSpan Wall) Measure(Action action)
    {
        using Process self = Process.GetCurrentProcess();
        TimeSpan before = self.TotalProcessorTime;
        var watch = Stopwatch.StartNew();
        action();
        self.Refresh();
        return (self.TotalProcessorTime - before, watch.Elapsed);
    }

    private static void Report(int round, string what, int messages, TimeSpan cpu, TimeSpan wall) => Console.WriteLine(
        $"{(round == 0 ? "warm-up" : "round " + round)} {what,-8} {messages,9:N0} messages, {cpu.TotalMicroseconds / messages,6:0.00} us CPU each, {messages / wall.TotalSeconds,9:N0} msg/s");

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
