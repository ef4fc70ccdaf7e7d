using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace StreamRnn.Worker.Dashboard;

/// <summary>
/// A page that shows streams and anomalies, and the JSON that it polls each second: <c>/</c> and
/// <c>/api/streams?top=50&amp;search=TEXT&amp;order=surprise|arrival</c>. Read only. Other paths are passed to the probes.
/// </summary>
/// <remarks>
/// Names of streams are written by whoever publishes. The page puts them in as text, never as markup, and its policy runs one script
/// only, known by its hash.
/// </remarks>
internal sealed class DashboardPage(LiveBoard board, Func<WorkerStatus> status, RequestDelegate otherwise)
{
    public const string Data = "/api/streams";

    /// <summary>Most rows of one answer, whatever is asked.</summary>
    public const int MaximumRows = 200;

    private const int UsualRows = 50;
    private static readonly byte[] Page = Read();
    private static readonly string Policy = $"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{HashOfScript()}'; "
        + "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public Task AnswerAsync(HttpContext context)
    {
        bool isPage = context.Request.Path == "/";
        if (!isPage && context.Request.Path != Data)
            return otherwise(context);
        if (!IsForUs(context))
            return SayAsync(context, StatusCodes.Status421MisdirectedRequest, "this page answers on this machine only; ask for 127.0.0.1 or localhost");
        if (!HttpMethods.IsGet(context.Request.Method))
            return SayAsync(context, StatusCodes.Status405MethodNotAllowed, "this page can only be read");

        IHeaderDictionary headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.CacheControl = "no-store";
        headers.ContentSecurityPolicy = Policy;
        context.Response.ContentType = isPage ? "text/html; charset=utf-8" : "application/json";
        return context.Response.Body.WriteAsync(isPage ? Page : BoardJson.Write(board, status(), Query(context.Request.Query))).AsTask();
    }

    private static BoardQuery Query(IQueryCollection asked) => new(
        int.TryParse(asked["top"], NumberStyles.None, CultureInfo.InvariantCulture, out int top) ? Math.Clamp(top, 1, MaximumRows) : UsualRows,
        asked["search"].ToString(),
        asked["order"] != "arrival");

    // A foreign site can point a name of its own at 127.0.0.1 and would read the answer as its own: the name gives it away.
    private static bool IsForUs(HttpContext context)
    {
        string host = context.Request.Host.Host;
        return context.Connection.LocalIpAddress is not IPAddress local
            || !IPAddress.IsLoopback(local)
            || host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host, out IPAddress? named) && IPAddress.IsLoopback(named));
    }

    private static Task SayAsync(HttpContext context, int code, string text)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "text/plain";
        return context.Response.WriteAsync(text + "\n");
    }

    private static byte[] Read()
    {
        using Stream page = typeof(DashboardPage).Assembly.GetManifestResourceStream("dashboard.html")!;
        using MemoryStream copy = new();
        page.CopyTo(copy);
        return copy.ToArray();
    }

    private static string HashOfScript()
    {
        const string Start = "<script>", End = "</script>";
        string page = Encoding.UTF8.GetString(Page);
        int from = page.IndexOf(Start, StringComparison.Ordinal) + Start.Length;
        return Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(page[from..page.IndexOf(End, from, StringComparison.Ordinal)])));
    }
}
