using System.Globalization;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>A broker that says no to outputs, or nothing: the worker goes on, and says at the end what became of them.</summary>
[Collection(RealProcesses.Name)]
[Trait("speed", "slow")]
public sealed class RefusingBrokerTests
{
    private const int Ticks = 60;

    /// <summary>Whose outputs the access list denies: the worker may read and write its inputs alone.</summary>
    private const string AccessList = "topic readwrite plant/#\n";

    [Theory]
    [InlineData(MqttVersion.V5, "message_size_limit 150", 100_000)]
    [InlineData(MqttVersion.V5, "message_size_limit 150", 0)]
    [InlineData(MqttVersion.V311, "message_size_limit 150", 100_000)]
    [InlineData(MqttVersion.V311, "message_size_limit 150", 0)]
    [InlineData(MqttVersion.V5, "acl_file", 100_000)]
    [InlineData(MqttVersion.V5, "acl_file", 0)]
    [InlineData(MqttVersion.V311, "acl_file", 100_000)]
    [InlineData(MqttVersion.V311, "acl_file", 0)]
    public void Mosquitto_refuses_every_output_and_the_worker_goes_on(MqttVersion version, string refusing, int queued)
    {
        bool isDenied = refusing == "acl_file";
        string accessList = Path.GetTempFileName();
        File.WriteAllText(accessList, AccessList);
        using MosquittoBroker mosquitto = new($"max_queued_messages {queued}\n{(isDenied ? $"acl_file {accessList}" : refusing)}");
        using WorkerProcess worker = WorkerProcess.Start(
            new Dictionary<string, string> { ["Mqtt__Version"] = $"{version}", ["Mqtt__ClientId"] = "refused" },
            "--host", "127.0.0.1", "--port", $"{mosquitto.Port}", "--subscribe", "plant/#");
        using MqttPeer device = new(mosquitto.Port);
        for (int tick = 0; tick < Ticks; tick++)
            device.Publish("plant/a", $"{tick}");
        device.Drain();
        worker.WaitForStatus(status => status.GetProperty("published").GetInt32() == Ticks
            && status.GetProperty("metrics").GetProperty("streamrnn.messages.unconfirmed").GetProperty("mqtt_out").GetInt32() == 0, "every output is done with");
        Assert.True(worker.IsReady);
        Assert.Equal(0, worker.Terminate());
        File.Delete(accessList);

        // MQTT 3.1.1 has no code: what is refused looks confirmed.
        string outcome = version == MqttVersion.V5 ? $"0 confirmed, {Ticks} refused by the broker" : $"{Ticks} confirmed, 0 refused by the broker";
        Assert.Contains($"Drained: {Ticks} accepted, {Ticks} stepped, {Ticks} outputs: {outcome}, 0 unconfirmed.", worker.Log);
        Assert.Equal(version == MqttVersion.V311 ? 1 : 0, worker.Count("'Confirmed' then means taken, not kept"));
        string cure = isDenied
            ? "not authorized (0x87): the broker's access list does not let clients without a user name write streamrnn/plant/a/forecast"
            : "packet too large (0x95): longer than the broker's message_size_limit";
        Assert.Equal(version == MqttVersion.V5 ? 1 : 0, worker.Count(cure));
        Assert.Equal(version == MqttVersion.V5 && queued == 0 ? 1 : 0, worker.Count("right behind a message that it refuses"));
        Assert.Equal(version == MqttVersion.V311 && queued == 0 ? 1 : 0, worker.Count("right behind a message, the last to streamrnn/plant/a/forecast"));
        if (queued > 0)
            Assert.Equal(1, worker.Count("refused-out: connected to"));
        Assert.Equal(0, worker.Count("does another client use our client id?"));
        Assert.Equal(0, worker.Count("is gone"));
        Assert.Equal(0, worker.Count("ticks refused"));
    }

    [Theory]
    [InlineData(MqttVersion.V5)]
    [InlineData(MqttVersion.V311)]
    public void Without_a_data_directory_outputs_that_are_not_confirmed_are_lost_and_the_exit_code_says_so(MqttVersion version)
    {
        using MosquittoBroker mosquitto = new();
        using FaultyBroker silent = new(mosquitto.Port, [socket => Silent(socket, version)], victims: "-out");
        using WorkerProcess worker = Stopped(mosquitto, silent.Port, version, exitCode: 1);
        Assert.Contains($"Drained: {Ticks} accepted, {Ticks} stepped, {Ticks} outputs: 0 confirmed, 0 refused by the broker, {Ticks} unconfirmed, lost: no DataDir.", worker.Log);
        Assert.Contains($"streamrnn: {Ticks} outputs are lost", worker.Log);
    }

    [Theory]
    [InlineData(MqttVersion.V5)]
    [InlineData(MqttVersion.V311)]
    public void With_a_data_directory_outputs_that_are_not_confirmed_are_kept_and_the_next_start_publishes_them(MqttVersion version)
    {
        string folder = Directory.CreateTempSubdirectory("streamrnn-refusing-").FullName;
        using MosquittoBroker mosquitto = new();
        using FaultyBroker silent = new(mosquitto.Port, [socket => Silent(socket, version)], victims: "-out");
        using (WorkerProcess worker = Stopped(mosquitto, silent.Port, version, exitCode: 0, "--data-dir", folder))
            Assert.Contains($"{Ticks} outputs: 0 confirmed, 0 refused by the broker, {Ticks} unconfirmed, kept in {folder}.", worker.Log);

        using MqttPeer reader = new(mosquitto.Port, "streamrnn/plant/a/forecast");
        using WorkerProcess again = WorkerProcess.Start("--host", "127.0.0.1", "--port", $"{mosquitto.Port}", "--subscribe", "plant/#", "--data-dir", folder);
        reader.WaitFor(Ticks, "forecasts");
        Assert.Equal(Enumerable.Range(1, Ticks).Select(n => (long)n), reader.Messages.Select(message => Outputs.Number(message.Payload)));
        Assert.Equal(0, again.Terminate());
        Assert.Contains($"{Ticks} outputs: {Ticks} confirmed, 0 refused by the broker, 0 unconfirmed.", again.Log);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task With_a_data_directory_a_stop_that_runs_out_of_time_over_a_silent_broker_is_no_failure()
    {
        string folder = Directory.CreateTempSubdirectory("streamrnn-refusing-").FullName;
        using ManualResetEventSlim letGo = new();
        using MosquittoBroker mosquitto = new();
        using FaultyBroker silent = new(mosquitto.Port, [Stick], victims: "-out");
        using WorkerInProcess worker = WorkerInProcess.Connected(silent.Port, "plant/#", options => options with
        {
            DataDir = folder,
            Mqtt = options.Mqtt with { PublishBufferMessages = 16 },
        });
        worker.Until(() => worker.UnconfirmedCount == 1, "the status waits");
        using (MqttPeer device = new(mosquitto.Port))
            Play(device);

        // The broker may have confirmed ticks to the device that have not come to the worker: those a stop leaves to the next start.
        worker.Until(() => worker.Worker.AcceptedTickCount == Ticks && worker.Worker.Outputs.Unconfirmed == 15, "every tick is taken in, and the buffer is full, of outputs and the status");

        WorkerService service = new(worker.Worker, duration: null, new NoLifetime(), TimeProvider.System, new Logger<StreamWorker>(worker.Log.Factory));
        await service.StopAsync(new CancellationToken(canceled: true));
        Assert.False(worker.Worker.Failure.IsFaulted);
        Assert.Equal(0, worker.Worker.LostOutputCount);
        Assert.Contains(worker.Log.AtLeast(LogLevel.Information), line => line.Contains($"15 unconfirmed, kept in {folder}; ", StringComparison.Ordinal));

        letGo.Set();   // the process would end here; a test must drain
        worker.Until(() => worker.Worker.Engine.Published == Ticks && worker.Worker.Outputs.Unconfirmed == 0, "it has drained after all");

        void Stick(Socket socket)
        {
            socket.Send([0x20, 3, 0, 0, 0]);
            letGo.Wait();
        }
    }

    /// <summary>What a broker has refused is done with: the log knows it, as it knows what was confirmed.</summary>
    [Fact]
    public void A_refused_output_is_not_published_again_by_the_next_start()
    {
        string folder = Directory.CreateTempSubdirectory("streamrnn-refusing-").FullName;
        using (MosquittoBroker mosquitto = new("max_queued_messages 1000\nmessage_size_limit 150"))
        {
            string[] arguments = ["--host", "127.0.0.1", "--port", $"{mosquitto.Port}", "--subscribe", "plant/#", "--data-dir", folder];
            using (WorkerProcess worker = Stopped(mosquitto, mosquitto.Port, MqttVersion.V5, exitCode: 0, "--data-dir", folder))
                Assert.Contains($"{Ticks} outputs: 0 confirmed, {Ticks} refused by the broker, 0 unconfirmed.", worker.Log);
            using WorkerProcess again = WorkerProcess.Start(arguments);
            Assert.Equal(0, again.Terminate());
            Assert.Contains(" 0 outputs: 0 confirmed, 0 refused by the broker, 0 unconfirmed.", again.Log);
        }
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void The_embedded_broker_takes_what_it_is_handed(int qos)
    {
        using WorkerInProcess worker = WorkerInProcess.Embedded(options => options with { Publish = options.Publish with { Qos = qos } });
        using (MqttPeer device = new(worker.Port))
            Play(device);
        worker.Until(() => worker.Worker.Engine.Published == Ticks, "every tick is published");
        worker.Dispose();
        Assert.Equal(new PublishOutcome(Ticks, Confirmed: Ticks, Rejected: 0, Dropped: 0), worker.Worker.Outputs);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Another_broker_confirms_them_and_at_QoS_0_the_socket_does(int qos)
    {
        using MosquittoBroker mosquitto = new();
        using WorkerInProcess worker = WorkerInProcess.Connected(mosquitto.Port, "plant/#", options => options with { Publish = options.Publish with { Qos = qos } });
        using (MqttPeer device = new(mosquitto.Port))
            Play(device);
        worker.Until(() => worker.Worker.Engine.Published == Ticks, "every tick is published");
        worker.Dispose();
        Assert.Equal(new PublishOutcome(Ticks, Confirmed: Ticks, Rejected: 0, Dropped: 0), worker.Worker.Outputs);
    }

    [Fact]
    public void At_QoS_0_without_a_connection_outputs_are_dropped_and_no_part_of_the_sum()
    {
        using MosquittoBroker mosquitto = new();
        using FaultyBroker away = new(mosquitto.Port, Enumerable.Repeat<Action<Socket>>(_ => { }, 1000), victims: "-out");
        using WorkerInProcess worker = WorkerInProcess.Connecting(away.Port, "plant/#", options => options with { Publish = options.Publish with { Qos = 0, Status = false } });
        worker.Until(() => away.Left < 1000, "the sender is turned away");
        using (MqttPeer device = new(mosquitto.Port))
            Play(device);
        worker.Until(() => worker.Worker.Engine.Published == Ticks, "every tick is published");
        worker.Dispose();
        Assert.Equal(new PublishOutcome(0, Confirmed: 0, Rejected: 0, Dropped: Ticks), worker.Worker.Outputs);
    }

    /// <summary>A worker that has published every tick and is told to stop.</summary>
    private static WorkerProcess Stopped(MosquittoBroker mosquitto, int port, MqttVersion version, int exitCode, params string[] arguments)
    {
        WorkerProcess worker = WorkerProcess.Start(
            new Dictionary<string, string> { ["Mqtt__Version"] = $"{version}" },
            ["--host", "127.0.0.1", "--port", $"{port}", "--subscribe", "plant/#", .. arguments]);
        using MqttPeer device = new(mosquitto.Port);
        Play(device);
        worker.WaitForStatus(status => status.GetProperty("published").GetInt32() == Ticks, "every tick is published");
        int code = worker.Terminate();
        Assert.True(code == exitCode, $"exit code {code}, not {exitCode}:\n{worker.Log}");
        // The sum closes in every line that has one.
        long[] sums = [.. Regex.Match(worker.Log, @"(\d+) outputs: (\d+) confirmed, (\d+) refused by the broker, (\d+) unconfirmed").Groups.Values.Skip(1).Select(group => long.Parse(group.ValueSpan, CultureInfo.InvariantCulture))];
        Assert.Equal(sums[0], sums[1] + sums[2] + sums[3]);
        return worker;
    }

    private static void Play(MqttPeer device)
    {
        for (int tick = 0; tick < Ticks; tick++)
            device.Publish("plant/a", $"{tick}");
        device.Drain();
    }

    /// <summary>Accepts, and says nothing more.</summary>
    private static void Silent(Socket socket, MqttVersion version)
    {
        socket.Send(version == MqttVersion.V5 ? [0x20, 3, 0, 0, 0] : [0x20, 2, 0, 0]);
        while (socket.Receive(new byte[1 << 16]) > 0)
        {
        }
    }
}
