using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EmbeddedMq.TestSupport.Servers;

/// <summary>An authority of its own for each server, and what it has signed: the server's certificate, for the host <c>localhost</c> alone, and a client's.</summary>
public sealed class ServerCertificates
{
    private static readonly DateTimeOffset From = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset To = new(2120, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Makes the files.</summary>
    /// <param name="folder">Where.</param>
    public ServerCertificates(string folder)
    {
        AuthorityPath = Path.Combine(folder, "authority.pem");
        ServerPath = Path.Combine(folder, "server.pem");
        ServerKeyPath = Path.Combine(folder, "server-key.pem");
        ClientPath = Path.Combine(folder, "client.p12");
        using ECDsa authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=authority of a test", authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        using X509Certificate2 authority = request.CreateSelfSigned(From, To);
        File.WriteAllText(AuthorityPath, authority.ExportCertificatePem());

        using ECDsa serverKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 server = Sign(authority, serverKey, "CN=localhost", 1, "1.3.6.1.5.5.7.3.1", "localhost");
        File.WriteAllText(ServerPath, server.ExportCertificatePem());
        File.WriteAllText(ServerKeyPath, serverKey.ExportPkcs8PrivateKeyPem());

        using ECDsa clientKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 client = Sign(authority, clientKey, "CN=client of a test", 2, "1.3.6.1.5.5.7.3.2", null);
        using X509Certificate2 clientWithKey = client.CopyWithPrivateKey(clientKey);
        File.WriteAllBytes(ClientPath, clientWithKey.Export(X509ContentType.Pkcs12, ClientPassword));
    }

    /// <summary>The authority's certificate, PEM.</summary>
    public string AuthorityPath { get; }

    /// <summary>The client's certificate with its key, PKCS#12.</summary>
    public string ClientPath { get; }

    /// <summary>The password of the client's file.</summary>
    public string ClientPassword { get; } = "of a test";

    /// <summary>The server's certificate, PEM.</summary>
    internal string ServerPath { get; }

    /// <summary>The server's key, PEM.</summary>
    internal string ServerKeyPath { get; }

    private static X509Certificate2 Sign(X509Certificate2 authority, ECDsa key, string subject, byte serial, string usage, string? host)
    {
        CertificateRequest request = new(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        if (host is not null)
        {
            SubjectAlternativeNameBuilder names = new();
            names.AddDnsName(host);
            request.CertificateExtensions.Add(names.Build());
        }

        return request.Create(authority, From, To, [serial]);
    }
}
