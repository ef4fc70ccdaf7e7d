using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>Judges a broker's certificate, the same over TCP and WebSocket, and keeps the reason for a refusal.</summary>
internal sealed class BrokerCertificate : IDisposable
{
    private readonly BrokerLinkOptions _options;
    private readonly X509Certificate2Collection _authorities = [];

    /// <exception cref="System.Security.Cryptography.CryptographicException">A file holds no certificate.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public BrokerCertificate(BrokerLinkOptions options)
    {
        _options = options;
        try
        {
            if (options.Tls!.CaFile is string authorities)
                _authorities.ImportFromPemFile(authorities);
            if (options.Tls.CertificateFile is string certificate)
                Own = X509Certificate2.CreateFromPemFile(certificate, options.Tls.KeyFile);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);   // like a secret that cannot be read: the link tries again
        }
    }

    /// <summary>Our own certificate; null where none is configured.</summary>
    public X509Certificate2? Own { get; }

    /// <summary>True if the broker has shown a certificate, or said that it has none: then it speaks TLS.</summary>
    public bool WasAsked { get; private set; }

    /// <summary>Reason that the certificate was refused; null while none was.</summary>
    public string? Refusal { get; private set; }

    public bool IsTrusted(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        WasAsked = true;
        if (_options.Tls!.AllowUntrusted)
            return true;
        if (certificate is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
            return Refuse("the broker shows no certificate");
        using X509Certificate2 shown = new(certificate);
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            return Refuse($"the broker's certificate is that of {shown.GetNameInfo(X509NameType.DnsName, false)}, not of {_options.Host}");
        if (_options.Tls.CaFile is null)
            return errors == SslPolicyErrors.None || Refuse($"nobody this system trusts has signed the broker's certificate ({Problems(chain)}); name its authority in Tls:CaFile");

        using X509Chain own = new();
        own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        own.ChainPolicy.CustomTrustStore.AddRange(_authorities);
        foreach (X509ChainElement sent in chain?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
            own.ChainPolicy.ExtraStore.Add(sent.Certificate);
        return own.Build(shown) || Refuse($"the authorities of {_options.Tls.CaFile} do not vouch for the broker's certificate ({Problems(own)})");
    }

    public void Dispose()
    {
        Own?.Dispose();
        foreach (X509Certificate2 authority in _authorities)
            authority.Dispose();
    }

    private bool Refuse(string reason)
    {
        Refusal = reason;
        return false;
    }

    private static string Problems(X509Chain? chain) =>
        chain is null ? "no chain" : string.Join(", ", chain.ChainStatus.Select(status => status.Status.ToString()).Distinct());
}
