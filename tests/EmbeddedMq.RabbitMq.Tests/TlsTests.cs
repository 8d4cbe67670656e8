using System.Globalization;
using EmbeddedMq.TestSupport.Servers;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>Connections over TLS to a server whose certificate is for <c>localhost</c> and signed by an authority that no system knows.</summary>
public sealed class TlsTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Tls_AuthorityIsTrusted_PublishesAndConsumes()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        RabbitMqOptions options = Options(server);
        options.Uri = string.Create(CultureInfo.InvariantCulture, $"amqps://guest:guest@localhost:{server.TlsPort}");
        await using RabbitMqBroker broker = await RabbitMqBroker.StartAsync(options, Token);
        await using IConnection connection = await broker.ConnectAsync(cancellationToken: Token);
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        string queue = (await channel.DeclareQueueAsync("", cancellationToken: Token)).Name;
        await channel.PublishAsync("", queue, Message.Text("secret"), PublishFlags.Mandatory, Token);
        Assert.Equal("secret", (await channel.GetAsync(queue, autoAck: true, Token))!.Delivery.Message.GetText());
        Assert.Contains(
            string.Create(CultureInfo.InvariantCulture, $"{server.TlsPort}\ttrue"), await server.ControlAsync("list_connections", "port", "ssl", "--silent"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tls_ClientShowsItsCertificate_TheServerSeesIt()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        RabbitMqOptions options = Options(server);
        options.TlsCertificatePath = server.Certificates.ClientPath;
        options.TlsCertificatePassword = server.Certificates.ClientPassword;
        await using RabbitMqBroker broker = await RabbitMqBroker.StartAsync(options, Token);
        await using IConnection connection = await broker.ConnectAsync(cancellationToken: Token);
        Assert.Contains("CN=client of a test", await server.ControlAsync("list_connections", "peer_cert_subject", "--silent"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tls_HostIsAnAddressAndTheNameIsGiven_Connects()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        RabbitMqOptions options = Options(server, "127.0.0.1");
        options.TlsServerName = "localhost";
        await using RabbitMqBroker broker = await RabbitMqBroker.StartAsync(options, Token);
        await using IConnection connection = await broker.ConnectAsync(cancellationToken: Token);
        Assert.True(connection.IsOpen);
    }

    [Fact]
    public async Task Tls_AuthorityIsUnknown_IsRefusedForGood()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        RabbitMqOptions options = Options(server);
        options.TlsAuthorityPath = null;
        await ExpectTlsErrorAsync(options);
    }

    [Fact]
    public async Task Tls_AuthorityIsAnother_IsRefusedForGood()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        RabbitMqOptions options = Options(server);
        string folder = Directory.CreateTempSubdirectory("embeddedmq-tls-").FullName;
        try
        {
            options.TlsAuthorityPath = new ServerCertificates(folder).AuthorityPath;
            await ExpectTlsErrorAsync(options);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("127.0.0.1", null)]
    [InlineData("localhost", "another.example")]
    public async Task Tls_CertificateIsForAnotherHost_IsRefusedForGood(string host, string? serverName)
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        RabbitMqOptions options = Options(server, host);
        options.TlsServerName = serverName;
        await ExpectTlsErrorAsync(options);
    }

    [Fact]
    public async Task Tls_OnThePortWithoutTls_IsRefusedForGood()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        RabbitMqOptions options = Options(server);
        options.Port = server.Port;
        await ExpectTlsErrorAsync(options);
    }

    [Fact]
    public async Task Tls_AuthorityFileIsMissing_SaysWhich()
    {
        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(
            static async () => await RabbitMqBroker.StartAsync(new RabbitMqOptions { UseTls = true, TlsAuthorityPath = "/nowhere/authority.pem" }, Token));
        Assert.Contains("/nowhere/authority.pem", error.Message, StringComparison.Ordinal);
    }

    private static RabbitMqOptions Options(RabbitServer server, string host = "localhost")
    {
        RabbitMqOptions options = new() { Hosts = { host }, Port = server.TlsPort, UseTls = true, TlsAuthorityPath = server.Certificates.AuthorityPath };
        RabbitServer.BePatient(options);
        return options;
    }

    private static async Task ExpectTlsErrorAsync(RabbitMqOptions options)
    {
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(async () => await RabbitMqBroker.StartAsync(options, Token));
        Assert.Equal((ReplyCode.ConnectionForced, "CONNECTION_FORCED - no TLS with the server", false), (error.ReplyCode, error.ReplyText, error.IsTransient));
        Assert.Contains(nameof(RabbitMqOptions.TlsAuthorityPath), error.Message, StringComparison.Ordinal);
    }
}
