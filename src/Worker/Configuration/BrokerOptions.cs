using System.ComponentModel.DataAnnotations;
using System.Net;
using StreamRnn.Ingest.Mqtt.Client;

namespace StreamRnn.Worker.Configuration;

/// <summary>The embedded broker: devices connect straight to the worker, and so do the readers of forecasts.</summary>
internal sealed record BrokerOptions : IValidatableObject
{
    /// <summary>Starts the broker inside the worker. Exclusive with <c>Mqtt:Host</c>: a worker has one way in.</summary>
    public bool Enabled { get; init; }

    /// <summary>TCP port; 0 takes a free one and prints it.</summary>
    [Range(0, 65535)]
    public int Port { get; init; } = 1883;

    /// <summary>Address to listen on. 0.0.0.0 lets the network in, which takes a user name or <see cref="AllowAnonymous"/>.</summary>
    public string Address { get; init; } = "127.0.0.1";

    /// <summary>Lets everybody who reaches the address publish and read. On loopback that is so without it.</summary>
    public bool AllowAnonymous { get; init; }

    /// <summary>The one user that may connect. Without it no client is asked for a name.</summary>
    public string? Username { get; init; }

    /// <summary>File that holds the password of <see cref="Username"/> and nothing else; a final line break is not part of it.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>
    /// Connections at a time; a further one is refused. Each is a thread, and takes up to 3 MB where its client reads slowly.
    /// </summary>
    [Range(1, 100_000)]
    public int Clients { get; init; } = 256;

    /// <summary>
    /// Sessions kept, connected or not; a further one ends the one that would expire first. Each takes up to half a megabyte to recognise
    /// redeliveries.
    /// </summary>
    [Range(1, 1 << 20)]
    public int Sessions { get; init; } = 4096;

    /// <summary>Retained messages kept; a message to a further topic is delivered and not retained.</summary>
    [Range(0, 1_000_000)]
    public int RetainedMessages { get; init; } = 10_000;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!IPAddress.TryParse(Address, out IPAddress? address))
            yield return new($"'{Address}' is no IP address; write 127.0.0.1, ::1 or 0.0.0.0", [nameof(Address)]);
        else if (Enabled && Username is null && !AllowAnonymous && !IPAddress.IsLoopback(address))
            yield return new($"{Address} can be reached from other machines; set Username and PasswordFile, or AllowAnonymous to let everybody in");
        if ((Username is null) != (PasswordFile is null))
            yield return new("Username and PasswordFile belong together; set both, or neither to let everybody connect");
        if (SecretFile.Problem(PasswordFile) is string missing)
            yield return new(missing, [nameof(PasswordFile)]);
    }
}
