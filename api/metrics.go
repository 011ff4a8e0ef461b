package api

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"

	"gridpatrol/media"
)

// metrics is what the server counts.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	streams  prometheus.Gauge
	pushed   *prometheus.CounterVec
	page     fasthttp.RequestHandler
}

func newMetrics(reg *prometheus.Registry, photos Media) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gridpatrol_http_requests_total", Help: "Requests answered.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gridpatrol_http_request_duration_seconds", Help: "Time from a request's headers to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 11),
		}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gridpatrol_http_requests_in_flight", Help: "Requests being handled.",
		}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gridpatrol_streams_open", Help: "Event streams that are open.",
		}),
		pushed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gridpatrol_push_results_total", Help: "Mutations answered, by the status of their result.",
		}, []string{"status"}),
		page: fasthttpadaptor.NewFastHTTPHandler(promhttp.HandlerFor(reg, promhttp.HandlerOpts{})),
	}
	if err := register(reg, photoMetrics(photos)...); err != nil {
		return m, err
	}
	return m, register(reg, m.requests, m.duration, m.inFlight, m.streams, m.pushed,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// photoMetrics tells what the media room counts.
func photoMetrics(photos Media) []prometheus.Collector {
	counter := func(name, help string, value func(media.Counts) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 {
			return float64(value(photos.Counts()))
		})
	}
	list := []prometheus.Collector{
		counter("gridpatrol_uploads_created_total", "Uploads begun.", func(c media.Counts) int64 { return c.UploadsCreated }),
		counter("gridpatrol_uploads_finished_total", "Uploads checked, kept and known to records.", func(c media.Counts) int64 { return c.UploadsFinished }),
		counter("gridpatrol_upload_bytes_total", "Bytes of uploads received.", func(c media.Counts) int64 { return c.BytesReceived }),
		counter("gridpatrol_pictures_decoded_total", "Pictures decoded for their derivatives.", func(c media.Counts) int64 { return c.PicturesDecoded }),
		counter("gridpatrol_evidence_entries_total", "Entries that changed the evidence of a record.", func(c media.Counts) int64 { return c.EvidenceEntries }),
	}
	for code := range photos.Counts().Refused {
		list = append(list, prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "gridpatrol_uploads_refused_total", Help: "Uploads refused, by code.", ConstLabels: prometheus.Labels{"code": string(code)},
		}, func() float64 { return float64(photos.Counts().Refused[code]) }))
	}
	return list
}

// register adds the collectors. The process's own may be there already.
func register(reg *prometheus.Registry, list ...prometheus.Collector) error {
	for _, c := range list {
		var already prometheus.AlreadyRegisteredError
		if err := reg.Register(c); err != nil && !errors.As(err, &already) {
			return fmt.Errorf("api: registering metrics: %w", err)
		}
	}
	return nil
}

// answered counts a request. Methods that nobody knows share one label.
func (m *metrics) answered(route, method string, status int, took time.Duration) {
	if !slices.Contains(fiber.DefaultMethods, method) {
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(route, method).Observe(took.Seconds())
}
