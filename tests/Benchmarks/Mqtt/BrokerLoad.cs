using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using StreamRnn.Ingest.Mqtt;
using StreamRnn.Ingest.Mqtt.Broker;

namespace StreamRnn.Benchmarks.Mqtt;

/// <summary>
/// <c>broker-load [--messages 400000]</c>: CPU time per message of the embedded broker and, where it is installed, of mosquitto, each in
/// its own process under the same load over loopback. Processor time and not the rate is the figure to compare: the load generator
/// shares the machine.
/// </summary>
internal static class BrokerLoad
{
    private const int Publishers = 4;

    /// <summary>What a subscriber that is slower than the publishers has waiting for it.</summary>
    private const int MaximumMessages = 1 << 20;

    private const int Devices = 100;

    public static int Run(int messages)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(messages, MaximumMessages);
        Console.WriteLine($"{messages} messages of 49 bytes, {Publishers} publishers, loopback");
        Console.WriteLine($"{"broker",-10} {"load",-22} {"CPU us/msg",10} {"msg/s",10}");
        foreach (bool embedded in (bool[])[true, false])
        {
            using Process? broker = embedded ? StartEmbedded(out int port) : StartMosquitto(out port);
            if (broker is null)
            {
                Console.WriteLine("mosquitto is not installed");
                continue;
            }

            try
            {
                MeasureAll(embedded ? "embedded" : "mosquitto", broker, port, messages);
            }
            finally
            {
                broker.Kill();
            }
        }
        return 0;
    }

    /// <summary>The embedded broker until the standard input ends.</summary>
    public static int Serve()
    {
        using var broker = new MqttBroker(new MqttBrokerOptions
        {
            Port = 0,
            MaximumQueuedMessages = MaximumMessages,
            MaximumQueuedBytes = 1 << 30,
            MaximumTotalQueuedBytes = 1 << 30,
            MaximumOutboxBytes = 1 << 28,
        });
        broker.Start();
        Console.WriteLine(broker.EndPoint!.Port);
        Console.In.ReadToEnd();
        return 0;
    }

    private static void MeasureAll(string name, Process broker, int port, int messages)
    {
        for (int round = 0; round < 2; round++)   // the first warms up
        {
            for (byte qos = 0; qos <= 1; qos++)
            {
                Measure(name, $"publish QoS {qos}", broker, port, qos, subscribe: false, messages, round > 0);
                Measure(name, $"1 in 1 out QoS {qos}", broker, port, qos, subscribe: true, messages, round > 0);
            }
            MeasureDevices(name, broker, port, messages: 5000, round > 0);
        }
    }

    private static void Measure(string name, string load, Process broker, int port, byte qos, bool subscribe, int messages, bool report)
    {
        broker.Refresh();
        TimeSpan before = broker.TotalProcessorTime;
        long startedAt = Stopwatch.GetTimestamp();

        using LoadSocket? subscriber = subscribe ? LoadSocket.Subscribe(port, qos) : null;
        Thread? receiver = subscriber is null ? null : new Thread(() => subscriber.ReceiveMessages(messages));
        receiver?.Start();
        Thread[] publishers = [.. Enumerable.Range(0, Publishers).Select(i => new Thread(() =>
        {
            using LoadSocket publisher = LoadSocket.Connect(port);
            publisher.Publish(messages / Publishers, qos);
        }))];
        foreach (Thread publisher in publishers)
            publisher.Start();
        foreach (Thread publisher in publishers)
            publisher.Join();
        receiver?.Join();

        double seconds = Stopwatch.GetElapsedTime(startedAt).TotalSeconds;
        broker.Refresh();
        double cpu = (broker.TotalProcessorTime - before).TotalMicroseconds / messages;
        if (report)
            Console.WriteLine($"{name,-10} {load,-22} {cpu,10:F2} {messages / seconds,10:F0}");
    }

    /// <summary>Many devices, a message at a time, 1,000 messages a second in all: what a message costs that comes alone.</summary>
    private static void MeasureDevices(string name, Process broker, int port, int messages, bool report)
    {
        LoadSocket[] devices = [.. Enumerable.Range(0, Devices).Select(_ => LoadSocket.Connect(port))];
        broker.Refresh();
        TimeSpan before = broker.TotalProcessorTime;
        long startedAt = Stopwatch.GetTimestamp();
        for (int i = 0; i < messages; i++)
        {
            devices[i % Devices].PublishOne();
            TimeSpan ahead = TimeSpan.FromMilliseconds(i + 1) - Stopwatch.GetElapsedTime(startedAt);
            if (ahead > TimeSpan.Zero)
                Thread.Sleep(ahead);
        }
        double seconds = Stopwatch.GetElapsedTime(startedAt).TotalSeconds;
        broker.Refresh();
        double cpu = (broker.TotalProcessorTime - before).TotalMicroseconds / messages;
        foreach (LoadSocket device in devices)
            device.Dispose();
        if (report)
            Console.WriteLine($"{name,-10} {$"{Devices} devices QoS 1",-22} {cpu,10:F2} {messages / seconds,10:F0}");
    }

    private static Process StartEmbedded(out int port)
    {
        Process process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [typeof(BrokerLoad).Assembly.Location, "broker-serve"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        port = int.Parse(process.StandardOutput.ReadLine()!);
        return process;
    }

    private static Process? StartMosquitto(out int port)
    {
        using (var free = new TcpListener(IPAddress.Loopback, 0))
        {
            free.Start();
            port = ((IPEndPoint)free.LocalEndpoint).Port;
        }
        string configuration = Path.GetTempFileName();
        File.WriteAllText(configuration,
            $"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 1000000\nmax_inflight_messages 1000\n");
        try
        {
            Process process = Process.Start(new ProcessStartInfo("mosquitto", ["-c", configuration]) { RedirectStandardError = true })!;
            process.BeginErrorReadLine();
            int chosen = port;
            return SpinWait.SpinUntil(() => LoadSocket.CanConnect(chosen), TimeSpan.FromSeconds(5)) ? process
                : throw new InvalidOperationException("mosquitto did not start to listen within 5 s.");
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
