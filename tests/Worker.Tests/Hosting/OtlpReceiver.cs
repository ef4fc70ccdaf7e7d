using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace StreamRnn.Worker.Tests.Hosting;

/// <summary>A collector on a free port of loopback: takes what an OTLP exporter sends over HTTP, or over gRPC without its libraries.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _server;
    private readonly ConcurrentQueue<(string Signal, ProtobufMessage Request)> _requests = new();

    private OtlpReceiver(bool grpc)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0,
            listen => listen.Protocols = grpc ? HttpProtocols.Http2 : HttpProtocols.Http1));
        _server = builder.Build();
        _server.Run(grpc ? TakeGrpcAsync : TakeAsync);
        Grpc = grpc;
    }

    public bool Grpc { get; }

    public string Endpoint => _server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    public static async Task<OtlpReceiver> StartAsync(bool grpc = false)
    {
        OtlpReceiver receiver = new(grpc);
        await receiver._server.StartAsync();
        return receiver;
    }

    /// <summary>Messages at a path of field numbers in every request of a signal: metrics, traces or logs.</summary>
    public IEnumerable<ProtobufMessage> Received(string signal, params int[] path) =>
        _requests.Where(r => r.Signal == signal).SelectMany(r => r.Request.Messages(path));

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        string signal = context.Request.Path.Value!.Split('/')[^1];   // /v1/metrics
        _requests.Enqueue((signal, new ProtobufMessage(await BodyAsync(context))));
        context.Response.ContentType = "application/x-protobuf";
    }

    private async Task TakeGrpcAsync(HttpContext context)
    {
        string signal = context.Request.Path.Value! switch   // /opentelemetry.proto.collector.trace.v1.TraceService/Export
        {
            string path when path.Contains(".trace.") => "traces",
            string path when path.Contains(".logs.") => "logs",
            _ => "metrics",
        };
        byte[] body = await BodyAsync(context);
        _requests.Enqueue((signal, new ProtobufMessage(body[5..])));   // flag and length precede a gRPC message
        context.Response.ContentType = "application/grpc";
        context.Response.DeclareTrailer("grpc-status");
        await context.Response.Body.WriteAsync(new byte[5]);
        context.Response.AppendTrailer("grpc-status", "0");
    }

    private static async Task<byte[]> BodyAsync(HttpContext context)
    {
        using MemoryStream body = new();
        await context.Request.Body.CopyToAsync(body);
        return body.ToArray();
    }
}
