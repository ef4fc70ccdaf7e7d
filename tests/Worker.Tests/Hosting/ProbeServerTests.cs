using System.Net;
using StreamRnn.Worker.Configuration;
using StreamRnn.Worker.Hosting;

namespace StreamRnn.Worker.Tests.Hosting;

public class ProbeServerTests
{
    [Fact]
    public async Task Each_probe_answers_its_own_question()
    {
        bool started = false, ready = false;
        ProbeServer server = new(new ProbesOptions(), () => started, () => ready);   // port 0: any free one
        await server.StartAsync(CancellationToken.None);
        using HttpClient http = new() { BaseAddress = new Uri(server.Address!) };

        await ExpectAsync(ProbeServer.Live, HttpStatusCode.OK, "live");
        await ExpectAsync(ProbeServer.Startup, HttpStatusCode.ServiceUnavailable, "loading");
        await ExpectAsync(ProbeServer.Ready, HttpStatusCode.ServiceUnavailable, "starting");

        started = true;
        await ExpectAsync(ProbeServer.Startup, HttpStatusCode.OK, "started");
        await ExpectAsync(ProbeServer.Ready, HttpStatusCode.ServiceUnavailable, "acknowledge the subscriptions");

        ready = true;
        await ExpectAsync(ProbeServer.Ready, HttpStatusCode.OK, "ready");
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
