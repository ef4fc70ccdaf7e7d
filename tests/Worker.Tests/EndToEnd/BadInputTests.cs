using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using StreamRnn.Engine.Publish;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Intake;
using StreamRnn.Lab.Bench;
using StreamRnn.Worker.Configuration;

namespace StreamRnn.Worker.Tests.EndToEnd;

/// <summary>Whatever arrives is a tick or a counted fault with a reason, told once, and the worker goes on.</summary>
[Collection(RealProcesses.Name)]
[Trait("speed", "slow")]
public sealed class BadInputTests(MosquittoBroker mosquitto) : IClassFixture<MosquittoBroker>
{
    private static readonly (string Payload, TickFault Fault)[] Bad =
    [
        ("NaN", TickFault.NotFinite),
        ("-Infinity", TickFault.NotFinite),
        ("1e999", TickFault.NotFinite),
        ("{\"value\":1e999}", TickFault.NotFinite),
        ("{\"value\":NaN}", TickFault.MalformedJson),
        ("{\"value\":21.5", TickFault.MalformedJson),
        ("{\"value\":\"21.5\"}", TickFault.NotANumber),
        ("\"21.5\"", TickFault.NotANumber),
        ("", TickFault.UnknownPayload),
        ("on", TickFault.UnknownPayload),
        ("\0\u0001\u0002\u00ff\u0080", TickFault.UnknownPayload),
        ("{\"ts\":\"2199-01-01T00:00:00Z\",\"value\":1}", TickFault.FarFuture),
        ("{\"ts\":\"yesterday\",\"value\":1}", TickFault.MalformedTime),
        (new string('7', 1 << 19), TickFault.PayloadTooLarge),
    ];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_kind_is_counted_under_its_reason_and_told_once(bool embedded)
    {
        const int Rounds = 50;
        using WorkerInProcess worker = Start(embedded, "bad/#", options => options with { Publish = new PublishOptions { Prefix = "bad-out" } });
        int port = embedded ? worker.Port : mosquitto.Port;
        using MqttPeer reader = new(port, "bad-out/#");
        using MqttPeer device = new(port);
        for (int round = 0; round < Rounds; round++)
        {
            foreach ((string payload, TickFault _) in Bad)
                device.Publish("bad/broken", payload);
            device.Publish("bad/sound", "21.5");
        }
        device.Drain();

        Wait.Until(() => Forecasts(reader).Length == Rounds, "the forecasts of the sound device");
        PacketIntake intake = worker.Worker.Intake;
        FaultCounters faults = worker.Worker.Faults;
        Assert.Equal(Rounds * (Bad.Length + 1), intake.PacketCount);
        Assert.Equal(intake.PacketCount, intake.AcceptedTickCount + faults.Total);
        Assert.All(Bad.GroupBy(bad => bad.Fault), bad => Assert.Equal((bad.Key, Rounds * bad.Count()), (bad.Key, faults.Of(bad.Key))));

        TickFault[] reasons = [.. Bad.Select(bad => bad.Fault).Distinct()];
        string[] lines = worker.Log.AtLeast(LogLevel.Warning);
        Assert.All(reasons, reason => Assert.Single(lines, line => line.StartsWith($"Input refused: {reason.Reason()}:", StringComparison.Ordinal)));
        Assert.Equal(reasons.Length, lines.Length);
        Assert.Equal(
            reasons.Select(reason => JsonNamingPolicy.SnakeCaseLower.ConvertName(reason.ToString())).Order(),
            reader.Messages.Where(message => message.Topic == "bad-out/fault")
                .Select(message => JsonDocument.Parse(message.Payload).RootElement.GetProperty("reason").GetString()).Order());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Its_own_outputs_are_not_taken_in_again(bool embedded)
    {
        using WorkerInProcess worker = Start(embedded, "loop/#", options => options with { Publish = new PublishOptions { Prefix = "loop/out" } });
        using MqttPeer device = new(embedded ? worker.Port : mosquitto.Port);
        device.Publish("loop/out/a/forecast", "{\"value\":1}");
        for (int i = 0; i < 100; i++)
            device.Publish("loop/a", "1");
        device.Drain();

        // From a broker elsewhere the worker hears its own status, fault notice and forecasts; its own broker does not tell it.
        Wait.Until(() => worker.Worker.Faults.Of(TickFault.OwnOutput) >= (embedded ? 1 : 101), "refusals");
        Assert.Equal(100, worker.Worker.Intake.AcceptedTickCount);
        Assert.Equal(1, worker.Worker.Streams.Count);
        Assert.Empty(worker.Log.AtLeast(LogLevel.Warning));
        Assert.Single(worker.Log.AtLeast(LogLevel.Information), line => line.StartsWith("Input refused: own_output:", StringComparison.Ordinal));
    }

    [Fact]
    public void What_a_broker_has_retained_is_an_old_value()
    {
        using MqttPeer device = new(mosquitto.Port);
        for (int i = 0; i < 20; i++)
            device.Publish($"retained/{i}", "1", retain: true);
        device.Drain();
        using WorkerInProcess worker = Start(embedded: false, "retained/#");
        Wait.Until(() => worker.Worker.Faults.Of(TickFault.Retained) == 20, "refusals");

        device.Publish("retained/0", "2", retain: true);
        device.Drain();
        Wait.Until(() => worker.Worker.Engine.Published == 1, "the forecast of the value that is new");
        Assert.Equal(20, worker.Worker.Faults.Total);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_flood_of_topics_stops_at_the_limit_and_takes_no_memory(bool embedded)
    {
        const int Topics = 50_000, Limit = 100, WarmUp = 10_000;
        const long GrowthBytes = 32 << 20;   // 40,000 streams would take 400 MB
        string[] link = embedded ? ["--embedded-broker", "0"] : ["--host", "127.0.0.1", "--port", $"{mosquitto.Port}"];
        using WorkerProcess worker = WorkerProcess.Start(
            new Dictionary<string, string> { ["Limits__Streams"] = $"{Limit}" }, [.. link, "--subscribe", "flood/#"]);
        int port = embedded ? worker.BrokerPort : mosquitto.Port;
        using MqttPeer reader = new(port, "streamrnn/flood/0/forecast");
        using MqttPeer device = new(port);
        Flood(0, WarmUp);
        long before = worker.ResidentBytes;
        Flood(WarmUp, Topics);
        long growth = worker.ResidentBytes - before;

        device.Publish("flood/0", "1");
        device.Drain();
        reader.WaitFor(2, "forecasts: those within the limit are served");
        Assert.True(growth < GrowthBytes, $"grew by {growth >> 20} MB");
        Assert.Equal(0, worker.Terminate());
        Assert.Contains($"Drained: {Limit + 1} accepted, {Limit + 1} stepped, {Limit + 1} outputs: {Limit + 1} confirmed, 0 refused by the broker, 0 unconfirmed; {Topics - Limit} ticks refused.", worker.Log);
        Assert.Equal(1, worker.Count("Input refused: stream_limit"));

        void Flood(int first, int end)
        {
            for (int topic = first; topic < end; topic++)
                device.Publish($"flood/{topic}", "1");
            device.Drain();
        }
    }

    [Fact]
    public void Noise_for_payloads_is_counted_and_harms_nobody()
    {
        const int Seed = 20260301, Count = 2000;
        Random random = new(Seed);
        using WorkerInProcess worker = Start(embedded: true, "noise/#");
        using MqttPeer device = new(worker.Port);
        for (int i = 0; i < Count; i++)
        {
            byte[] noise = new byte[random.Next(300)];
            random.NextBytes(noise);
            if (noise.Length > 0 && i % 2 == 0)
                noise[0] = (byte)"{[\"-"[i / 2 % 4];
            device.Publish("noise/a"u8.ToArray(), noise);
        }
        device.Publish("noise/a", "1");
        device.Drain();

        PacketIntake intake = worker.Worker.Intake;
        Assert.Equal(Count + 1, intake.PacketCount);
        Assert.True(intake.PacketCount == intake.AcceptedTickCount + worker.Worker.Faults.Total, $"the sums do not close, seed {Seed}");
        Wait.Until(() => worker.Worker.Engine.Published == intake.AcceptedTickCount, "every accepted tick is stepped");
    }

    [Fact]
    public void Clients_that_do_not_speak_MQTT_are_shown_out_and_the_others_served()
    {
        const int Rounds = 20;
        byte[] connect = [0x10, 0x0D, 0, 4, (byte)'M', (byte)'Q', (byte)'T', (byte)'T', 4, 2, 0, 0, 0, 1, (byte)'x'];
        (byte[] Bytes, TickFault Fault)[] openings =
        [
            (Encoding.ASCII.GetBytes("GET /metrics HTTP/1.1\r\nHost: worker.example\r\nAccept: text/plain, application/openmetrics-text\r\nUser-Agent: scraper\r\n\r\n"), TickFault.ProtocolError),
            ([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], TickFault.ProtocolError),
            ([0x10, 0x0D, 0, 4, (byte)'H', (byte)'T', (byte)'T', (byte)'P', 4, 2, 0, 0, 0, 1, (byte)'x'], TickFault.ProtocolError),
            ([.. connect, 0x30, 0x04, 0, 1, (byte)'#', (byte)'1'], TickFault.ProtocolError),
            ([.. connect, 0x30, 0x80, 0x80, 0x40, 0, 1], TickFault.PayloadTooLarge),   // a megabyte is announced
        ];
        using WorkerInProcess worker = WorkerInProcess.Embedded();
        using MqttPeer device = new(worker.Port);
        for (int round = 0; round < Rounds; round++)
        {
            foreach ((byte[] bytes, TickFault _) in openings)
            {
                using TcpClient stranger = new("127.0.0.1", worker.Port);
                stranger.GetStream().Write(bytes);
                stranger.ReceiveTimeout = 20_000;
                byte[] answer = new byte[256];
                while (stranger.GetStream().Read(answer) > 0)
                {
                }
            }
            device.Publish("a", "1");
        }
        device.Drain();

        Wait.Until(() => worker.Worker.Faults.Total == Rounds * openings.Length, "every stranger is counted");
        Assert.All(openings.GroupBy(opening => opening.Fault), of => Assert.Equal(Rounds * of.Count(), worker.Worker.Faults.Of(of.Key)));
        Assert.Equal(Rounds, worker.Worker.Intake.AcceptedTickCount);
        Assert.InRange(worker.Log.AtLeast(LogLevel.Warning).Length, 2, 4);   // one for each reason, of the intake and of the broker
    }

    private WorkerInProcess Start(bool embedded, string filter, Func<StreamRnnOptions, StreamRnnOptions>? change = null) =>
        embedded
            ? WorkerInProcess.Embedded(options => Change(options with { Mqtt = new MqttOptions { Subscriptions = [new SubscriptionOptions { Filter = filter }] } }, change))
            : WorkerInProcess.Connected(mosquitto.Port, filter, change);

    private static StreamRnnOptions Change(StreamRnnOptions options, Func<StreamRnnOptions, StreamRnnOptions>? change) =>
        change is null ? options : change(options);

    private static Message[] Forecasts(MqttPeer reader) =>
        [.. reader.Messages.Where(message => message.Topic.EndsWith("/forecast", StringComparison.Ordinal))];
}
