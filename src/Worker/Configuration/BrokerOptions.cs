using System.ComponentModel.DataAnnotations;
using System.Net;

namespace StreamRnn.Worker.Configuration;

/// <summary>The broker inside the worker: devices connect straight to it, and so do the readers of forecasts.</summary>
public sealed record BrokerOptions : IValidatableObject
{
    public bool Enabled { get; init; }

    /// <summary>TCP port; 0 takes a free one and says which.</summary>
    [Range(0, 65535)]
    public int Port { get; init; } = 1883;

    /// <summary>Where to listen. 0.0.0.0 lets the network in, which takes a user name or <see cref="AllowAnonymous"/>.</summary>
    public string Address { get; init; } = "127.0.0.1";

    /// <summary>Lets everybody who reaches the address publish and read. On loopback that is so without it.</summary>
    public bool AllowAnonymous { get; init; }

    /// <summary>The one user that may connect; null lets everybody.</summary>
    public string? Username { get; init; }

    /// <summary>File that holds the password and nothing else.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>Connections at a time; a further one is turned away. Each is a thread, and up to 3 MB where its client is slow.</summary>
    [Range(1, 100_000)]
    public int Clients { get; init; } = 256;

    /// <summary>
    /// Sessions, of clients that are connected and of those that will come back; a further one ends the one that would expire first. Each may take
    /// up to half a megabyte, so that no packet it sends again is stepped twice.
    /// </summary>
    [Range(1, 1 << 20)]
    public int Sessions { get; init; } = 4096;

    /// <summary>Retained messages kept; a further topic is not retained.</summary>
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
        if (PasswordFile is not null && !File.Exists(PasswordFile))
            yield return new($"{Path.GetFullPath(PasswordFile)} does not exist", [nameof(PasswordFile)]);
    }
}
