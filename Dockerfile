# syntax=docker/dockerfile:1
# Built on the machine's own platform, also for another one: what is published is the same for all, without a host executable.
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
# The build context has no repository to ask: docker build --build-arg VERSION=0.1.0 --build-arg REVISION=$(git rev-parse HEAD) .
ARG VERSION=0.1.0-alpha.0
ARG REVISION=
RUN dotnet publish src/Worker/Worker.csproj -c Release -p:UseAppHost=false -p:Version=$VERSION -p:SourceRevisionId=$REVISION -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .

# The image's own unprivileged user. The worker writes nothing unless a DataDir or Record is configured: mount a volume for it.
USER $APP_UID
ENV StreamRnn__Probes__Port=8080
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s CMD ["dotnet", "streamrnn.dll", "health"]
ENTRYPOINT ["dotnet", "streamrnn.dll"]
CMD ["run"]
