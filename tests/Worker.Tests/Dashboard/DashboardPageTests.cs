using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Detection;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Ticks;
using StreamRnn.Worker.Dashboard;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Tests.Dashboard;

public sealed class DashboardPageTests : IAsyncLifetime
{
    private const int Capacity = 1000;
    private readonly StreamDirectory _directory = new(5000);
    private readonly LiveBoard _board;
    private readonly HttpEndpoint _server;
    private readonly HttpClient _http = new();

    public DashboardPageTests()
    {
        _board = new LiveBoard(_directory, Capacity);
        DashboardPage page = new(_board, () => new WorkerStatus("broker on 127.0.0.1:1883", true, _directory.Count, 7, 6, 5, 4),
            new Probes(() => true, () => true, () => default).AnswerAsync);
        _server = new HttpEndpoint("Dashboard", "127.0.0.1", port: 0, page.AnswerAsync, NullLogger.Instance);
    }

    public async ValueTask InitializeAsync()
    {
        await _server.StartAsync(CancellationToken.None);
        _http.BaseAddress = new Uri(_server.Address!);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.StopAsync(CancellationToken.None);
        _http.Dispose();
    }

    [Fact]
    public async Task The_latest_of_a_stream_its_curve_and_its_anomalies_are_told()
    {
        for (int n = 1; n <= LiveBoard.CurveLength + 5; n++)
            Tick("plant/pump", n, value: n, surprise: 1, alarm: n == 10);

        JsonElement data = await ReadAsync("");
        Assert.Equal((1, 7, 6, 5, 4), (Int(data, "streams"), Int(data, "accepted"), Int(data, "stepped"), Int(data, "published"), Int(data, "refused")));
        JsonElement row = Assert.Single(data.GetProperty("rows").EnumerateArray());
        Assert.Equal("plant/pump", row.GetProperty("name").GetString());
        Assert.Equal("2026-01-01T00:01:05Z", row.GetProperty("ts").GetString());
        Assert.Equal(65, row.GetProperty("value").GetDouble());
        Assert.Equal(LiveBoard.CurveLength, row.GetProperty("curve").GetArrayLength());
        Assert.Equal("[6,5.5,0]", row.GetProperty("curve")[0].GetRawText());
        Assert.Equal("[10,9.5,1]", row.GetProperty("curve")[4].GetRawText());

        JsonElement anomaly = Assert.Single(data.GetProperty("anomalies").EnumerateArray());
        Assert.Equal(("plant/pump", "season"), (anomaly.GetProperty("stream").GetString(), anomaly.GetProperty("why").GetString()));
        Assert.Equal(1, Int(data, "anomalyCount"));
    }

    [Fact]
    public async Task What_is_unknown_is_null()
    {
        Tick("plant/new", n: 1, value: 3, surprise: 0, forecast: double.NaN);

        JsonElement row = (await ReadAsync("")).GetProperty("rows")[0];
        Assert.Equal(JsonValueKind.Null, row.GetProperty("forecast").ValueKind);
        Assert.Equal("[3,null,0]", row.GetProperty("curve")[0].GetRawText());
    }

    [Fact]
    public async Task A_hostile_name_is_text_in_the_answer_and_the_page_runs_its_own_script_only()
    {
        const string Hostile = "</script><img src=x onerror=alert(1)>\"'&";
        Tick(Hostile, n: 1, value: 1, surprise: 9, alarm: true);

        string answer = await _http.GetStringAsync(new Uri(DashboardPage.Data, UriKind.Relative));
        Assert.DoesNotContain("<", answer);
        Assert.Equal(Hostile, JsonDocument.Parse(answer).RootElement.GetProperty("rows")[0].GetProperty("name").GetString());

        using HttpResponseMessage page = await _http.GetAsync(new Uri("/", UriKind.Relative));
        string policy = Assert.Single(page.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'", policy);
        Assert.Matches("script-src 'sha256-[A-Za-z0-9+/]{43}='", policy);
        string html = await page.Content.ReadAsStringAsync();
        Assert.DoesNotContain("innerHTML", html);
        Assert.DoesNotContain("https://", html);
    }

    [Fact]
    public async Task Of_many_streams_the_most_surprising_are_shown_and_a_search_finds_the_rest()
    {
        for (int i = 0; i < 2 * Capacity; i++)
            Tick($"site/device-{i:D4}", n: 1, value: i, surprise: i % 500);

        JsonElement data = await ReadAsync("?top=100000");
        Assert.Equal(DashboardPage.MaximumRows, data.GetProperty("rows").GetArrayLength());
        Assert.Equal((2 * Capacity, Capacity, Capacity), (Int(data, "streams"), Int(data, "kept"), Int(data, "matching")));
        Assert.Equal(["site/device-0499", "site/device-0999", "site/device-0498"],
            data.GetProperty("rows").EnumerateArray().Take(3).Select(row => row.GetProperty("name").GetString()));

        data = await ReadAsync("?order=arrival&top=3&search=DEVICE-01");
        Assert.Equal(100, Int(data, "matching"));
        Assert.Equal(["site/device-0100", "site/device-0101", "site/device-0102"],
            data.GetProperty("rows").EnumerateArray().Select(row => row.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task It_keeps_so_many_anomalies_and_no_more()
    {
        for (int n = 1; n <= LiveBoard.KeptAnomalies + 20; n++)
            Tick("plant/pump", n, value: n, surprise: 9, alarm: true);

        JsonElement data = await ReadAsync("");
        Assert.Equal(LiveBoard.KeptAnomalies, data.GetProperty("anomalies").GetArrayLength());
        Assert.Equal(LiveBoard.KeptAnomalies + 20, Int(data.GetProperty("anomalies")[0], "n"));
    }

    [Fact]
    public async Task It_answers_probes_and_refuses_other_hosts_and_methods()
    {
        Assert.Equal("ready\n", await _http.GetStringAsync(new Uri(HealthPaths.Ready, UriKind.Relative)));

        using HttpRequestMessage rebound = new(HttpMethod.Get, DashboardPage.Data) { Headers = { Host = "evil.example" } };
        using HttpResponseMessage refused = await _http.SendAsync(rebound);
        Assert.Equal(HttpStatusCode.MisdirectedRequest, refused.StatusCode);

        using HttpResponseMessage posted = await _http.PostAsync(new Uri("/", UriKind.Relative), content: null);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, posted.StatusCode);
    }

    private void Tick(string topic, int n, double value, float surprise, bool alarm = false, double? forecast = null)
    {
        Assert.Equal(TickFault.None, _directory.TryGet(Encoding.UTF8.GetBytes(topic), default, out int stream));
        double predicted = forecast ?? value - 0.5;
        long time = (new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc) - DateTime.UnixEpoch).Ticks * 100 + n * 1_000_000_000L;
        _board.Write(
        [
            new Forecast
            {
                Stream = stream,
                Kind = 0,
                Time = time,
                Value = value,
                Verdict = new Verdict
                {
                    N = n, Forecast = predicted, Lower = predicted, Upper = predicted, Next = predicted, Surprise = surprise,
                    Score = alarm ? 1 : 0, Alarm = alarm, Evidence = new Evidence { Season = 2, Level = 1 },
                },
            },
        ]);
    }

    private async Task<JsonElement> ReadAsync(string query) =>
        JsonDocument.Parse(await _http.GetStringAsync(new Uri(DashboardPage.Data + query, UriKind.Relative))).RootElement;

    private static int Int(JsonElement element, string name) => element.GetProperty(name).GetInt32();
}
