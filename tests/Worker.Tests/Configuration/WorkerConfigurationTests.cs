using System.Globalization;
using Microsoft.Extensions.Configuration;
using StreamRnn.Engine;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Codec;
using StreamRnn.Ingest.Mqtt.Delivery;
using StreamRnn.Worker.Configuration;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Tests.Configuration;

public class WorkerConfigurationTests
{
    [Fact]
    public void A_broker_host_is_all_that_must_be_said()
    {
        StreamRnnOptions options = Load(("Mqtt:Host", "broker"));

        Assert.Equal("mqtt://broker:1883", options.Mqtt.Address?.ToString());
        Assert.Equal("#", Assert.Single(options.Mqtt.EffectiveSubscriptions).Filter);
        Assert.Equal("streamrnn", options.Publish.Prefix);
        Assert.InRange(options.EffectiveShards, 1, 8);
    }

    [Fact]
    public void Encryption_is_a_group_of_settings_and_moves_the_usual_port()
    {
        StreamRnnOptions options = Load(("Mqtt:Host", "broker"), ("Mqtt:Tls:Enabled", "true"), ("Mqtt:Tls:CaFile", "streamrnn.dll"),
            ("Mqtt:Version", "V311"));

        Assert.Equal("mqtts://broker:8883", options.Mqtt.Address?.ToString());
        BrokerLinkOptions connection = LinkOptions.Receiver(options);
        Assert.Equal((8883, MqttVersion.V311, "streamrnn.dll"), (connection.Port, connection.Version, connection.Tls!.CaFile));
        Assert.Null(LinkOptions.Sender(Load(("Mqtt:Host", "broker"))).Tls);
    }

    [Fact]
    public void A_URL_says_transport_encryption_and_port_at_once()
    {
        StreamRnnOptions options = Load(("Mqtt:Host", "wss://broker/path?token=1"), ("Mqtt:Tls:CaFile", "streamrnn.dll"), ("Mqtt:WebSocket:Headers:0", "X-Plant: 7"),
            ("Mqtt:Proxy", "http://proxy:3128"), ("Mqtt:Auth:Method", "JWT"), ("Mqtt:Auth:DataFile", "streamrnn.dll"));

        BrokerLinkOptions connection = LinkOptions.Sender(options);
        Assert.Equal(("broker", 443, "streamrnn.dll"), (connection.Host, connection.Port, connection.Tls?.CaFile));
        Assert.Equal("/path?token=1", connection.WebSocket?.Path);
        Assert.Equal("7", connection.WebSocket?.Headers["x-plant"]);
        Assert.Equal((new Uri("http://proxy:3128"), new MqttAuthenticationOptions("JWT", "streamrnn.dll")), (connection.Proxy, connection.Authentication));
        Assert.Equal(["mqtt"], LinkOptions.Receiver(Load(("Mqtt:Host", "mqtts://broker:443"), ("Mqtt:Tls:Alpn:0", "mqtt"))).Tls!.Alpn);
    }

    [Fact]
    public void An_empty_password_file_refuses_to_start()
    {
        string file = Path.GetTempFileName();
        try
        {
            Assert.Contains("is empty; is the secret mounted?", Assert.Single(Problems(("Mqtt:Host", "broker"), ("Mqtt:Username", "u"), ("Mqtt:PasswordFile", file))));
            Assert.Contains("is empty; is the secret mounted?",
                Assert.Single(Problems(("Broker:Enabled", "true"), ("Broker:Username", "u"), ("Broker:PasswordFile", file))));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData(true, "broker", false)]
    [InlineData(true, "192.0.2.1", false)]
    [InlineData(false, "broker", true)]
    [InlineData(false, "localhost", false)]
    [InlineData(false, "::1", false)]
    public void A_password_on_a_plain_connection_to_elsewhere_is_exposed(bool exposed, string host, bool tls)
    {
        MqttOptions mqtt = new() { Host = host, Username = "me", PasswordFile = "secret", Tls = new TlsOptions { Enabled = tls } };
        Assert.Equal(exposed, mqtt.ExposesPassword);
        Assert.False((mqtt with { PasswordFile = null }).ExposesPassword);
    }

    [Fact]
    public void The_memory_bound_grows_with_what_may_be_held()
    {
        MemoryBound small = BoundOf(("Mqtt:Host", "broker"), ("Limits:Streams", "1000"));
        MemoryBound more = BoundOf(("Mqtt:Host", "broker"), ("Limits:Streams", "2000"));
        long perStream = (more.Streams - small.Streams) / 1000;
        Assert.InRange(perStream, 1024, 32_768);
        Assert.InRange(small.Streams - (1000 * perStream), 0, 8 << 20);   // a page and a batch of rows a shard
        Assert.Equal(0, small.Durability);
        Assert.InRange(small.Connections, 2 * (8 << 20), 64 << 20);
        Assert.True(BoundOf(("Mqtt:Host", "broker"), ("Publish:Capacity", "1000000")).Queues > small.Queues + 64_000_000);
        MemoryBound million = BoundOf(("Mqtt:Host", "broker"), ("Limits:Streams", "1000000"), ("Limits:StreamsInMemory", "50000"), ("DataDir", "data"));
        Assert.InRange(million.Streams, 50_000 * (perStream - 1100), (50_000 * perStream) + (1_000_000L * 1100));
        Assert.InRange(million.Durability, 8 << 20, 64 << 20);
        Assert.InRange(million.Sessions, 1 << 20, 32 << 20);
        Assert.Equal(BoundOf(("Broker:Enabled", "true")).Sessions - BoundOf(("Broker:Enabled", "true"), ("Broker:Sessions", "2048")).Sessions,
            2048 * PacketSource.MemoryBoundBytes(4096));
        Assert.True(BoundOf(("Broker:Enabled", "true"), ("Broker:Clients", "10")).Connections < BoundOf(("Broker:Enabled", "true")).Connections);

        static MemoryBound BoundOf(params (string, string)[] settings)
        {
            StreamRnnOptions options = Load([("Shards", "2"), .. settings]);
            return MemoryBound.Of(options, options.LoadModels());
        }
    }

    [Fact]
    public void Rules_come_from_their_list_and_then_from_the_subscriptions()
    {
        StreamRnnOptions options = Load(("Mqtt:Host", "broker"),
            ("Rules:0:Pattern", "plant/+:power"), ("Rules:0:Once", "sequence"),
            ("Rules:1:Pattern", "plant/exempt/#"),
            ("Mqtt:Subscriptions:0:Filter", "plant/#"), ("Mqtt:Subscriptions:0:Late", "Reorder"), ("Mqtt:Subscriptions:0:LateBound", "30s"),
            ("Mqtt:Subscriptions:1:Filter", "tele/#"),
            ("Mqtt:Subscriptions:2:Filter", "old/#"), ("Mqtt:Subscriptions:2:Late", "Drop"), ("Mqtt:Subscriptions:2:Once", "Time"));

        Assert.Equal(
        [
            "plant/+:power: ticks step as they come, once by sequence number",
            "plant/exempt/#: ticks step as they come",
            "plant/#: ticks are held for 00:00:30, at most 16 of a stream, and step in order",
            "old/#: late ticks are dropped, once by their time",
        ], options.TickRules.Select(entry => $"{entry.Pattern}: {entry.Rule}"));
        Assert.Equal([("plant/+", true), ("plant/exempt/#", false), ("plant/#", false), ("old/#", false)],
            options.Numbering.Select(topics => (topics.Filter, topics.AreNumbered)));
        Assert.Empty(Load(("Mqtt:Host", "broker"), ("Rules:0:Pattern", "a"), ("Rules:0:Late", "Drop")).Numbering);
        ConfigurationReport report = ConfigurationReport.Of(options, options.LoadModels());
        Assert.Equal("'plant/#': ticks are held for 00:00:30, at most 16 of a stream, and step in order", report.Rules[2]);
        Assert.Equal("every stream: ticks step as they come", report.Rules[^1]);
        Assert.Contains(report.Notes, note => note.StartsWith("a tick up to 01:00:00 ahead", StringComparison.Ordinal));
        Assert.Contains(report.Notes, note => note.StartsWith("without a DataDir, Once holds", StringComparison.Ordinal));
        Assert.True(BytesOf(options) > BytesOf(Load(("Mqtt:Host", "broker"))));

        static long BytesOf(StreamRnnOptions options) => MemoryBound.Of(options, options.LoadModels()).Streams;
    }

    [Theory]
    [InlineData("Late", "Reorder", "StreamRnn:Rules:0:LateBound: Late is Reorder and nothing says how long")]
    [InlineData("LateBound", "30s", "StreamRnn:Rules:0:LateBound: only Reorder holds ticks and Late is Accept")]
    [InlineData("LateCapacity", "4", "StreamRnn:Rules:0:LateCapacity: only Reorder holds ticks and Late is Accept")]
    [InlineData("LateCapacity", "0", "StreamRnn:Rules:0:LateCapacity is 0; it must lie between 1 and 256")]
    [InlineData("LateBound", "0s", "StreamRnn:Rules:0:LateBound is 00:00:00; it must lie between")]
    [InlineData("Late", "Sort", "Sort")]
    [InlineData("Pattern", "a+/b", "StreamRnn:Rules:0:Pattern: 'a+/b': '+' must fill a whole level")]
    [InlineData("Pattern", "", "StreamRnn:Rules:0:Pattern is empty; it must be set")]
    [InlineData("Once", "Hash", "Hash")]
    [InlineData("Onces", "Time", "did you mean StreamRnn:Rules:0:Once?")]
    public void A_rule_that_cannot_be_is_refused_in_words(string key, string value, string expected)
    {
        ConfigurationException refused = Assert.Throws<ConfigurationException>(() =>
            Load([("Mqtt:Host", "broker"), .. key == "Pattern" ? [] : new[] { ("Rules:0:Pattern", "a") }, ($"Rules:0:{key}", value)]));
        Assert.Contains(refused.Problems, problem => problem.Contains(expected, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Rules:0:Late", "Sort", "it takes Accept, Drop or Reorder")]
    [InlineData("Mqtt:Version", "V6", "it takes V311 or V5")]
    [InlineData("Limits:StreamsInMemory", "many", "it takes a whole number")]
    [InlineData("Broker:Enabled", "perhaps", "it takes true or false")]
    [InlineData("Limits:FarFuture", "-5s", "it takes a length of time: 250ms, 15s, 5m, 1h, 2d or 00:00:15")]
    public void What_cannot_be_read_is_told_what_would_do(string key, string value, string takes) =>
        Assert.Equal($"StreamRnn:{key} is '{value}'; {takes}", Assert.Single(Problems(("Mqtt:Host", "broker"), ("Rules:0:Pattern", "a"), (key, value))));

    [Fact]
    public void A_shared_subscription_has_the_rule_of_its_topics()
    {
        StreamRnnOptions options = Load(("Mqtt:Host", "broker"), ("Mqtt:Subscriptions:0:Filter", "$share/workers/plant/#"), ("Mqtt:Subscriptions:0:Late", "Drop"));
        Assert.True(Assert.Single(options.TickRules).Pattern.Matches("plant/a:b"));
        Assert.Single(Problems(("Mqtt:Host", "broker"), ("Mqtt:Subscriptions:0:Filter", "$share/workers/plant/#"), ("Mqtt:Subscriptions:1:Filter", "plant/a")));
    }

    [Fact]
    public void Every_kind_of_value_is_read()
    {
        StreamRnnOptions options = Load(
            ("Shards", "3"), ("TimeZone", "UTC"), ("Limits:FarFuture", "5m"), ("Mqtt:Host", "broker"), ("Mqtt:KeepAlive", "00:01:00"),
            ("Mqtt:Subscriptions:0:Filter", "plant/#"), ("Mqtt:Subscriptions:0:Qos", "0"), ("Mqtt:Subscriptions:1:Filter", "tele/+/SENSOR"),
            ("Publish:Retain", "true"), ("Publish:WhenFull", "DropForecasts"));

        Assert.Equal(3, options.EffectiveShards);
        Assert.Equal(TimeSpan.FromMinutes(5), options.Limits.FarFuture);
        Assert.Equal(TimeSpan.FromMinutes(1), options.Mqtt.KeepAlive);
        Assert.Equal([("plant/#", 0), ("tele/+/SENSOR", 1)], options.Mqtt.Subscriptions.Select(s => (s.Filter, s.Qos)));
        Assert.True(options.Publish.Retain);
        Assert.Equal(WhenFull.DropForecasts, options.Publish.WhenFull);
    }

    [Theory]
    [InlineData("Mqtt:Hots", "StreamRnn:Mqtt:Host")]
    [InlineData("Mqqt:Host", "StreamRnn:Mqtt")]
    [InlineData("shard", "StreamRnn:Shards")]
    [InlineData("Mqtt:Subscriptions:0:Fitler", "StreamRnn:Mqtt:Subscriptions:0:Filter")]
    [InlineData("Publish:Prefx", "StreamRnn:Publish:Prefix")]
    public void A_typo_stops_the_service_and_is_told_the_nearest_key(string key, string nearest)
    {
        string problem = Assert.Single(Problems(("Mqtt:Host", "broker"), (key, "1")));
        Assert.StartsWith($"StreamRnn:{key.Split(':')[0]}", problem);
        Assert.Contains($"did you mean {nearest}?", problem);
    }

    [Fact]
    public void A_key_that_resembles_nothing_is_told_what_there_is()
    {
        string problem = Assert.Single(Problems(("Mqtt:Host", "broker"), ("Limits:Horsepower", "1")));
        Assert.Contains("StreamRnn:Limits has Streams, StreamsInMemory, PayloadBytes, QueueCapacity, FarFuture", problem);
    }

    [Theory]
    [InlineData("Mqtt:Subscriptions", "StreamRnn:Mqtt:Subscriptions is 'plant/#', where a list of groups belongs, each with Filter, Qos")]
    [InlineData("Mqtt:Subscriptions:0", "StreamRnn:Mqtt:Subscriptions:0 is 'plant/#', where a group of settings belongs: Filter, Qos")]
    [InlineData("Limits", "StreamRnn:Limits is 'plant/#', where a group of settings belongs: Streams")]
    public void One_value_where_a_group_or_a_list_belongs_stops_the_service(string key, string expected) =>
        Assert.StartsWith(expected, Assert.Single(Problems(("Mqtt:Host", "broker"), (key, "plant/#"))));

    [Fact]
    public void A_misspelt_section_is_found_too()
    {
        IConfigurationRoot configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("StreamRn:Mqtt:Host", "broker"), new("StreamRnn:Mqtt:Host", "broker")]).Build();
        ConfigurationException e = Assert.Throws<ConfigurationException>(() => WorkerConfiguration.Load(configuration));
        Assert.Equal("StreamRn is unknown; did you mean StreamRnn?", Assert.Single(e.Problems));
    }

    [Theory]
    [InlineData("Shards", "-1", "257")]
    [InlineData("Mqtt:Port", "0", "65536")]
    [InlineData("Mqtt:KeepAlive", "0s", "19h")]
    [InlineData("Mqtt:SessionExpiry", null, "366d")]
    [InlineData("Mqtt:Subscriptions:0:Qos", "-1", "3")]
    [InlineData("Broker:Port", "-1", "65536")]
    [InlineData("Broker:Clients", "0", "100001")]
    [InlineData("Broker:Sessions", "0", "1048577")]
    [InlineData("Broker:RetainedMessages", "-1", "1000001")]
    [InlineData("Publish:Qos", "-1", "2")]
    [InlineData("Publish:Capacity", "255", "16777217")]
    [InlineData("Limits:Streams", "0", "4194305")]
    [InlineData("Limits:PayloadBytes", "63", "16777217")]
    [InlineData("Limits:QueueCapacity", "255", "1048577")]
    [InlineData("Limits:FarFuture", null, "3651d")]
    [InlineData("Probes:Port", "-1", "65536")]
    [InlineData("Dashboard:Port", "-1", "65536")]
    public void A_number_out_of_range_is_shown_with_its_range(string key, string? below, string above)
    {
        foreach (string value in new[] { below, above }.OfType<string>())
        {
            string problem = Assert.Single(Problems(("Mqtt:Host", "broker"), ("Mqtt:Subscriptions:0:Filter", "a"), (key, value)));
            Assert.StartsWith($"StreamRnn:{key} is ", problem);
            Assert.Contains("it must lie between", problem);
        }
    }

    [Theory]
    [InlineData("Mqtt:Port", "many")]
    [InlineData("Mqtt:KeepAlive", "15")]
    [InlineData("Publish:WhenFull", "Never")]
    [InlineData("Broker:Enabled", "perhaps")]
    public void A_value_of_the_wrong_kind_names_its_key(string key, string value)
    {
        string problem = Assert.Single(Problems(("Mqtt:Host", "broker"), (key, value)));
        Assert.Contains(value, problem);
        Assert.Contains($"StreamRnn:{key}", problem);
    }

    [Theory]
    [InlineData("there is nothing to listen to")]
    [InlineData("one way in", "Mqtt:Host", "broker", "Broker:Enabled", "true")]
    [InlineData("no time zone", "Mqtt:Host", "broker", "TimeZone", "Mars/Olympus")]
    [InlineData("does not exist", "Mqtt:Host", "broker", "Model", "no-such.safetensors")]
    [InlineData("does not exist", "Mqtt:Host", "broker", "Models:0:Pattern", "a/#", "Models:0:File", "no-such.safetensors")]
    [InlineData("Models:0:File is empty", "Mqtt:Host", "broker", "Models:0:Pattern", "a/#")]
    [InlineData("'#' must be the last level", "Mqtt:Host", "broker", "Models:0:Pattern", "a/#/b", "Models:0:File", "streamrnn.dll")]
    [InlineData("write mqtt://broker:1883", "Mqtt:Host", "tcp://broker:1883")]
    [InlineData("write mqtt://broker:1883", "Mqtt:Host", "broker:1883")]
    [InlineData("leave one out", "Mqtt:Host", "mqtt://broker:1883", "Mqtt:Port", "1884")]
    [InlineData("write wss://broker", "Mqtt:Host", "ws://broker", "Mqtt:Tls:Enabled", "true")]
    [InlineData("Mqtt:Tls:Alpn: is for mqtts:", "Mqtt:Host", "wss://broker", "Mqtt:Tls:Alpn:0", "mqtt")]
    [InlineData("are for ws: and wss:", "Mqtt:Host", "broker", "Mqtt:WebSocket:Headers:0", "X-Plant: 7")]
    [InlineData("is no header", "Mqtt:Host", "ws://broker", "Mqtt:WebSocket:Headers:0", "X-Plant")]
    [InlineData("is no HTTP proxy", "Mqtt:Host", "broker", "Mqtt:Proxy", "socks5://proxy:1080")]
    [InlineData("needs MQTT 5", "Mqtt:Host", "broker", "Mqtt:Auth:Method", "JWT", "Mqtt:Version", "V311")]
    [InlineData("without Method", "Mqtt:Host", "broker", "Mqtt:Auth:DataFile", "streamrnn.dll")]
    [InlineData("without Username", "Mqtt:Host", "broker", "Mqtt:PasswordFile", "streamrnn.dll")]
    [InlineData("does not exist", "Mqtt:Host", "broker", "Mqtt:Username", "me", "Mqtt:PasswordFile", "no-such-file")]
    [InlineData("is not Enabled", "Mqtt:Host", "broker", "Mqtt:Tls:AllowUntrusted", "true")]
    [InlineData("no topic filter", "Mqtt:Host", "broker", "Mqtt:Subscriptions:0:Filter", "a/#/b")]
    [InlineData("select the same topics", "Mqtt:Host", "b", "Mqtt:Subscriptions:0:Filter", "a/#", "Mqtt:Subscriptions:1:Filter", "a/+/x")]
    [InlineData("no topic to publish under", "Mqtt:Host", "broker", "Publish:Prefix", "out/#")]
    [InlineData("is no IP address", "Broker:Enabled", "true", "Broker:Address", "localhost")]
    [InlineData("can be reached from other machines", "Broker:Enabled", "true", "Broker:Address", "0.0.0.0")]
    [InlineData("belong together", "Broker:Enabled", "true", "Broker:Username", "me")]
    [InlineData("answers probes too", "Mqtt:Host", "broker", "Dashboard:Port", "8080", "Probes:Port", "8080")]
    [InlineData("there is no DataDir for them", "Mqtt:Host", "broker", "Shards", "2", "Limits:StreamsInMemory", "50")]
    [InlineData("each must hold at least one", "Mqtt:Host", "broker", "Shards", "4", "DataDir", "data", "Limits:StreamsInMemory", "3")]
    [InlineData("are both 8080", "Broker:Enabled", "true", "Broker:Port", "8080", "Probes:Port", "8080")]
    public void A_rule_across_fields_says_what_is_wrong_and_what_would_do(string expected, params string[] settings)
    {
        string problem = Assert.Single(Problems([.. settings.Chunk(2).Select(pair => (pair[0], pair[1]))]));
        Assert.Contains(expected, problem);
    }

    [Theory]
    [InlineData("Model", "default")]
    [InlineData("Models:0:Pattern", "a/#", "Models:0:File", "default")]
    [InlineData("Mqtt:Subscriptions:0:Filter", "a/#", "Mqtt:Subscriptions:0:Model", "default")]
    public void The_shipped_model_has_a_name(params string[] settings)
    {
        StreamRnnOptions options = Load([("Mqtt:Host", "broker"), .. settings.Chunk(2).Select(pair => (pair[0], pair[1]))]);
        ModelCatalog models = options.LoadModels();
        Assert.All(models.ByPattern.Select(entry => entry.Model).Append(models.Standard), model => Assert.StartsWith("default@", model.Name, StringComparison.Ordinal));
    }

    [Fact]
    public void All_problems_are_told_at_once()
    {
        IReadOnlyList<string> problems = Problems(("Mqtt:Host", "broker"), ("Shards", "-1"), ("Mqtt:Port", "0"), ("Publish:Qos", "7"));
        Assert.Equal(3, problems.Count);
    }

    [Fact]
    public void A_file_that_is_not_there_or_no_JSON_is_named()
    {
        ConfigurationException missing = Assert.Throws<ConfigurationException>(() => WorkerConfiguration.Read("no-such.json"));
        Assert.Contains("no-such.json does not exist", missing.Message);

        using TemporaryFile broken = new("""{ "StreamRnn": { "Shards" 2 } }""");
        ConfigurationException e = Assert.Throws<ConfigurationException>(() => WorkerConfiguration.Read(broken.Path));
        Assert.Contains(broken.Path, e.Message);
        Assert.Contains("LineNumber", e.Message);
    }

    [Theory]
    [InlineData("a/b", "a/b", true)]
    [InlineData("a/b", "a/c", false)]
    [InlineData("#", "a/b/c", true)]
    [InlineData("a/#", "a", true)]
    [InlineData("a/+", "a", false)]
    [InlineData("+/b", "a/+", true)]
    [InlineData("a/+/c", "a/b", false)]
    [InlineData("a/b/#", "a/+/c", true)]
    [InlineData("#", "$SYS/load", false)]
    [InlineData("$SYS/#", "$SYS/load", true)]
    public void Filters_overlap_where_some_topic_is_selected_by_both(string first, string second, bool overlap)
    {
        Assert.Equal(overlap, TopicFilters.Overlap(first, second));
        Assert.Equal(overlap, TopicFilters.Overlap(second, first));
    }

    [Theory]
    [InlineData("Host", "Host", 0)]
    [InlineData("host", "HOST", 0)]
    [InlineData("Hots", "Host", 1)]
    [InlineData("Hst", "Host", 1)]
    [InlineData("Port", "Host", 2)]
    public void A_swap_of_neighbours_is_one_edit(string a, string b, int distance) => Assert.Equal(distance, UnknownKeys.Distance(a, b));

    private static StreamRnnOptions Load(params (string Key, string Value)[] settings) => WorkerConfiguration.Load(Of(settings));

    private static IReadOnlyList<string> Problems(params (string Key, string Value)[] settings) =>
        Assert.Throws<ConfigurationException>(() => Load(settings)).Problems;

    private static IConfigurationRoot Of((string Key, string Value)[] settings) => new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(s => new KeyValuePair<string, string?>(string.Create(CultureInfo.InvariantCulture, $"StreamRnn:{s.Key}"), s.Value)))
        .Build();

    private sealed class TemporaryFile : IDisposable
    {
        public TemporaryFile(string text) => File.WriteAllText(Path, text);

        public string Path { get; } = System.IO.Path.GetTempFileName();

        public void Dispose() => File.Delete(Path);
    }
}
