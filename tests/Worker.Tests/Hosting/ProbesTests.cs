using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Tests.Hosting;

public class ProbesTests
{
    [Fact]
    public async Task Each_probe_answers_its_own_question()
    {
        bool started = false, ready = false;
        HttpEndpoint server = new("Probes", "127.0.0.1", port: 0, new Probes(() => started, () => ready, () => "{}"u8.ToArray()).AnswerAsync, NullLogger.Instance);
        await server.StartAsync(CancellationToken.None);
        using HttpClient http = new() { BaseAddress = new Uri(server.Address!) };

        await ExpectAsync(HealthPaths.Live, HttpStatusCode.OK, "live");
        await ExpectAsync(HealthPaths.Startup, HttpStatusCode.ServiceUnavailable, "loading");
        await ExpectAsync(HealthPaths.Ready, HttpStatusCode.ServiceUnavailable, "starting");

        started = true;
        await ExpectAsync(HealthPaths.Startup, HttpStatusCode.OK, "started");
        await ExpectAsync(HealthPaths.Ready, HttpStatusCode.ServiceUnavailable, "acknowledge the subscriptions");

        ready = true;
        await ExpectAsync(HealthPaths.Ready, HttpStatusCode.OK, "ready");
        await ExpectAsync(HealthPaths.Status, HttpStatusCode.OK, "{}");
        await ExpectAsync("/healthz", HttpStatusCode.NotFound, "");
        await server.StopAsync(CancellationToken.None);

        async Task ExpectAsync(string path, HttpStatusCode status, string text)
        {
            using HttpResponseMessage answer = await http.GetAsync(new Uri(path, UriKind.Relative));
            Assert.Equal(status, answer.StatusCode);
            Assert.Contains(text, await answer.Content.ReadAsStringAsync());
        }
    }
}
